// The printed class and its printed usage; then, on the same connection, an answer that is
// cancelled, and one more.

import { on } from 'node:events';

import { agent } from '../printed/agent_web_socket.js';

const messages = on(agent.ws, 'message');

async function hear(type, count = 1) {
  while (count > 0) {
    const { value } = await messages.next();
    if (JSON.parse(value[0].data).type === type) count -= 1;
  }
}

await hear('done');

agent.send('Speak for ever.');
await hear('token', 3);
agent.cancel();
await hear('cancelled');
console.log('\n[Cancelled]');

agent.send('Hello again!');
await hear('done');

agent.ws.addEventListener('close', ({ code }) => console.log(`[Closed: ${code}]`));
agent.close();
