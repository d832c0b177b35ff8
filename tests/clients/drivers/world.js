// What a printed client finds around it: a server at localhost:8000, an EventSource, and a
// WebSocket that is open when it sends. So its text can stay as it was printed.
//
// Loaded with `node --import`. SERVED is the URL of the real server.

import { registerHooks } from 'node:module';

const EXPORTS = {
  'ask_agent.ts': 'askAgent',
  'connect_agent.ts': 'ws',
  'agent_web_socket.js': 'agent',
};

// The files were printed as scripts, and export nothing.
registerHooks({
  load(url, context, nextLoad) {
    const loaded = nextLoad(url, context);
    const name = EXPORTS[url.split('/printed/')[1]];
    return name ? { ...loaded, source: `${loaded.source}\nexport { ${name} };\n` } : loaded;
  },
});

function there(url) {
  return String(url).replace(/^(http|ws):\/\/localhost:8000\//, `${process.env.SERVED}/`);
}

const { fetch } = globalThis;
globalThis.fetch = (url, options) => fetch(there(url), options);

// Node has an EventSource of its own with --experimental-eventsource.
const EventSource = globalThis.EventSource ?? (await import('eventsource')).EventSource;
globalThis.EventSource = class extends EventSource {
  constructor(url, options) {
    super(there(url), options);
  }
};

const { WebSocket } = globalThis;
globalThis.WebSocket = class extends WebSocket {
  constructor(url) {
    super(there(url).replace(/^http/, 'ws'));
  }

  // As printed, the clients send at once, which every WebSocket refuses: "If this's ready state is
  // CONNECTING, then throw an "InvalidStateError" DOMException" (WHATWG WebSockets, `send(data)`).
  send(message) {
    if (this.readyState === WebSocket.CONNECTING) {
      this.addEventListener('open', () => super.send(message), { once: true });
    } else {
      super.send(message);
    }
  }
};
