// node chat.js [QUERY]: the printed reader of POST /chat, which asks "Hello!" of its own server.

const { fetch } = globalThis;
const query = process.argv[2] ?? '';
globalThis.fetch = (path, options) => fetch(process.env.SERVED + path + query, options);

await import('../printed/chat.js');
