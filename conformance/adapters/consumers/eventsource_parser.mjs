// eventsource-parser (npm): createParser, with a TextDecoder before it as its README has it.
// Run it where the package is installed.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { createParser } = createRequire(`${process.cwd()}/`)('eventsource-parser');

for await (const line of createInterface({ input: process.stdin })) {
  const answer = { events: [], retry: null };
  let lastEventId = '';
  const parser = createParser({
    onId: (id) => { lastEventId = id; },
    onEvent: ({ event, data, id }) => {
      lastEventId = id ?? lastEventId;
      answer.events.push({ event, data, id: lastEventId });
    },
    onRetry: (retry) => { answer.retry = retry; },
  });
  const decoder = new TextDecoder();
  for (const chunk of JSON.parse(line).chunks) {
    parser.feed(decoder.decode(Buffer.from(chunk, 'base64'), { stream: true }));
  }
  parser.feed(decoder.decode());
  console.log(JSON.stringify(answer));
}
