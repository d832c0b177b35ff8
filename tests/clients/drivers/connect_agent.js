// The printed function and its printed usage; the connection is closed when the turn is over.

import { ws } from '../printed/connect_agent.ts';

ws.addEventListener('message', ({ data }) => {
  if (JSON.parse(data).t === 'done') ws.close();
});
ws.addEventListener('close', ({ code }) => console.log(`[Closed: ${code}]`));
