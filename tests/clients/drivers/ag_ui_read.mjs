// node ag_ui_read.mjs PACKAGE < STREAMS: what the package's HttpAgent reads in responses. Each item
// of STREAMS, which is JSON, is a list of event streams: the responses of one conversation. Prints,
// as JSON, for each item the messages, or what was thrown.

import { text } from 'node:stream/consumers';

const { HttpAgent } = await import(process.argv[2]);

async function read(streams) {
  const headers = { 'content-type': 'text/event-stream' };
  const fetch = async () => new Response(streams.shift(), { headers });
  const agent = new HttpAgent({ url: 'http://localhost:8000/', threadId: 'thread', fetch });
  let failed = null;
  while (streams.length) {
    const resume = agent.pendingInterrupts.map(({ id: interruptId }) => ({
      interruptId,
      status: 'cancelled',
    }));
    try {
      await agent.runAgent({ runId: 'theirs', resume });
    } catch (error) {
      failed = error.message;
      break;
    }
  }
  return { messages: agent.messages, failed };
}

const warnings = [];
console.warn = (...words) => warnings.push(words.join(' '));
console.error = () => {};
const found = [];
for (const streams of JSON.parse(await text(process.stdin))) found.push(await read(streams));
console.log(JSON.stringify({ found, warnings }));
