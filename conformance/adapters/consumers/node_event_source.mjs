// The EventSource of Node: node --experimental-eventsource node_event_source.mjs

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

let chunks = [];
const server = createServer(async (request, response) => {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Connection': 'close' });
  for (const chunk of chunks) {
    if (chunk) response.write(chunk, 'base64');
    await new Promise(setImmediate);
  }
  response.end();
});
await once(server.listen(0, '127.0.0.1'), 'listening');

for await (const line of createInterface({ input: process.stdin })) {
  ({ chunks } = JSON.parse(line));
  const source = new EventSource(`http://127.0.0.1:${server.address().port}/`);
  const events = [];
  await new Promise((resolve) => {
    // Listeners are for one type each; this hears all of them.
    source.dispatchEvent = (event) => {
      if (event.lastEventId !== undefined) {
        events.push({ event: event.type, data: event.data, id: event.lastEventId });
      } else if (event.type === 'error') {
        resolve(); // its stream has ended
      }
      return true;
    };
  });
  source.close();
  console.log(JSON.stringify({ events }));
}
server.close();
