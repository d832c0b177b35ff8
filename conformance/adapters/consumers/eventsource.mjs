// eventsource (npm), with a `fetch` that answers with these chunks. Run it where it is installed.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { EventSource } = createRequire(`${process.cwd()}/`)('eventsource');

// Listeners are for one type each; this hears all of them.
class Heard extends EventSource {
  dispatchEvent(event) {
    if (event instanceof MessageEvent) {
      this.events.push({ event: event.type, data: event.data, id: event.lastEventId });
    } else if (event.type === 'error') {
      this.over(); // its stream has ended
    }
    return super.dispatchEvent(event);
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  const chunks = JSON.parse(line).chunks.map((chunk) => Uint8Array.from(Buffer.from(chunk, 'base64')));
  const headers = { 'Content-Type': 'text/event-stream' };
  const source = new Heard('http://127.0.0.1/', {
    fetch: async () => new Response(ReadableStream.from(chunks), { headers }),
  });
  source.events = [];
  await new Promise((resolve) => { source.over = resolve; });
  source.close();
  console.log(JSON.stringify({ events: source.events }));
}
