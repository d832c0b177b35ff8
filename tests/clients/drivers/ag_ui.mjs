// node ag_ui.mjs PACKAGE STEPS: a conversation of the package's HttpAgent. STEPS is JSON, a list of
//   {"say": TEXT}           a message of the user, and a run
//   {"resume": {...}}       a run that answers every interrupt so: {"status", "payload"?}
//   {"tool": TEXT}          a run after the last call of a client tool has returned this
//   {"leaveAfter": TEXT}    beside "say": abort the run when the answer has reached this text
//   {"connect": true}       what is live, told again, into a conversation that has the prompt only
//   {"cancel": true}        cancel what is live
// Prints, as JSON, what each step ended with, and the messages in the end.

const { HttpAgent, transformHttpEventStream, runHttpRequest } = await import(process.argv[2]);
const { EMPTY, defer, from, mergeMap } = await import('rxjs');

const url = 'http://localhost:8000/ag-ui';

// The three lines that resume over HTTP: the package leaves `connect` to its users.
class ResumableAgent extends HttpAgent {
  connect(input) {
    const query = new URLSearchParams({ runId: input.runId, protocolVersion: input.protocolVersion ?? '' });
    if (!input.protocolVersion) query.delete('protocolVersion');
    return defer(() => from(fetch(`${this.url}/${input.threadId}/stream?${query}`))).pipe(
      mergeMap((response) =>
        response.status === 204
          ? EMPTY
          : transformHttpEventStream(runHttpRequest(() => Promise.resolve(response))),
      ),
    );
  }
}

const threadId = crypto.randomUUID();
let agent = new ResumableAgent({ url, threadId });
let step;
const ends = [];
const warnings = [];
console.warn = (...words) => warnings.push(words.join(' '));
console.error = () => {};

const subscriber = {
  onEvent({ event }) {
    ends.at(-1).events.push(event.type);
    if (['RUN_STARTED', 'RUN_FINISHED', 'RUN_ERROR', 'CUSTOM'].includes(event.type)) {
      const { type, threadId: _, runId, ...told } = event;
      ends.at(-1)[type] = told;
    }
  },
  onTextMessageContentEvent({ textMessageBuffer }) {
    if (step.leaveAfter && textMessageBuffer.includes(step.leaveAfter)) agent.abortRun();
  },
};

function id() {
  return crypto.randomUUID();
}

async function act() {
  const options = {};
  if (step.say) agent.addMessage({ id: id(), role: 'user', content: step.say });
  if (step.resume) {
    options.resume = agent.pendingInterrupts.map(({ id }) => ({ interruptId: id, ...step.resume }));
  }
  if (step.tool) {
    const { toolCalls } = agent.messages.findLast((message) => message.toolCalls);
    const result = { id: id(), role: 'tool', toolCallId: toolCalls.at(-1).id, content: step.tool };
    agent.addMessage(result);
  }
  if (step.cancel) {
    return (await fetch(`${url}/${threadId}/cancel`, { method: 'POST' })).status;
  }
  if (step.connect) {
    const initialMessages = agent.messages.filter(({ role }) => role === 'user');
    agent = new ResumableAgent({ url, threadId, initialMessages });
    return (await agent.connectAgent({}, subscriber)).result;
  }
  return (await agent.runAgent(options, subscriber)).result;
}

for (step of JSON.parse(process.argv[3])) {
  ends.push({ events: [] });
  try {
    ends.at(-1).result = await act();
  } catch (error) {
    ends.at(-1).error = error.message;
  }
}
console.log(JSON.stringify({ ends, messages: agent.messages, warnings }));
