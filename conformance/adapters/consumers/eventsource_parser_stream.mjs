// eventsource-parser/stream (npm): EventSourceParserStream, behind a TextDecoderStream.
// Run it where the package is installed.

import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const { EventSourceParserStream } =
  createRequire(`${process.cwd()}/`)('eventsource-parser/stream');

for await (const line of createInterface({ input: process.stdin })) {
  const answer = { events: [], retry: null };
  let lastEventId = '';
  const chunks = JSON.parse(line).chunks.map((chunk) => Uint8Array.from(Buffer.from(chunk, 'base64')));
  const events = ReadableStream.from(chunks)
    .pipeThrough(new TextDecoderStream())
    .pipeThrough(new EventSourceParserStream({ onRetry: (retry) => { answer.retry = retry; } }));
  try {
    for await (const { event, data, id } of events) {
      lastEventId = id ?? lastEventId;
      answer.events.push({ event, data, id: lastEventId });
    }
  } catch (error) {
    answer.error = String(error);
  }
  console.log(JSON.stringify(answer));
}
