// node a2a.mjs SAID: a conversation of @a2a-js/sdk with the agent of SERVED. SAID is JSON, a list of
// what is said, in parts: {"text"} or {"data"}; each goes on with the task before, if that needs
// input. Prints, as JSON, the updates of each, the last task as it stands, and its updates again.

import { Role, TaskState } from '@a2a-js/sdk';
import { ClientFactory } from '@a2a-js/sdk/client';

const client = await new ClientFactory().createFromUrl(process.env.SERVED);

async function updates(stream) {
  const found = [];
  for await (const { payload } of stream) found.push(payload);
  return found;
}

function say(part, task) {
  const [[$case, value]] = Object.entries(part);
  const parts = [{ content: { $case, value } }];
  const message = { messageId: crypto.randomUUID(), role: Role.ROLE_USER, parts, ...task };
  return updates(client.sendMessageStream({ message }));
}

const told = [];
let task = {};
for (const part of JSON.parse(process.argv[2])) {
  told.push(await say(part, task));
  const { taskId, contextId, status } = told.at(-1).at(-1).value;
  const needsInput = status.state === TaskState.TASK_STATE_INPUT_REQUIRED;
  task = needsInput ? { taskId, contextId } : { contextId };
}
const { taskId: id } = told.at(-1).at(-1).value;
const whole = await client.getTask({ id });
const again = await updates(client.resubscribeTask({ id }));
const refused = await Promise.all(
  [client.cancelTask({ id }), client.getTask({ id: 'unknown' })].map((call) =>
    call.catch((error) => error.name),
  ),
);
console.log(JSON.stringify({ told, whole, again, refused, states: TaskState }));
