// An EventSource behind LaunchDarkly's contract for test services: it opens streams as it is told
// by HTTP, and posts what it hears. It prints its URL. With the name of an npm package that has an
// EventSource it takes that one, from where it is run; else that of Node (--experimental-eventsource).

import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const [name] = process.argv.slice(2);
const EventSource = name ? createRequire(`${process.cwd()}/`)(name).EventSource : globalThis.EventSource;
const open = new Map();
let opened = 0;

function listen({ streamUrl, callbackUrl }) {
  const source = new EventSource(streamUrl);
  let told = 0;
  let telling = Promise.resolve(); // in their order
  const tell = (message) => {
    const url = `${callbackUrl}/${++told}`;
    const body = JSON.stringify(message);
    telling = telling.then(() => fetch(url, { method: 'POST', body })).catch(() => {});
  };
  // Listeners are for one type each; this hears all of them.
  source.dispatchEvent = ({ type, data, lastEventId: id }) => {
    if (data !== undefined) tell({ kind: 'event', event: { type, data, id } });
    else if (type === 'error') tell({ kind: 'error', error: '' });
    return true;
  };
  return source;
}

const server = createServer(async (request, response) => {
  let content = '';
  for await (const chunk of request) content += chunk;
  if (request.method === 'POST' && request.url === '/') {
    const stream = `/streams/${++opened}`;
    open.set(stream, listen(JSON.parse(content)));
    response.writeHead(201, { Location: stream });
  } else if (request.method === 'DELETE' && open.has(request.url)) {
    open.get(request.url).close();
    open.delete(request.url);
    response.writeHead(204);
  } else {
    response.writeHead(request.method === 'GET' && request.url === '/' ? 200 : 404);
    if (request.method === 'GET') response.write('{"capabilities": []}');
  }
  response.end();
});
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${server.address().port}/`));
