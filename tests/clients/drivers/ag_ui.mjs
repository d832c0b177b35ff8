// node ag_ui.mjs PACKAGE CONVERSATIONS: conversations of the package's HttpAgent, each a list of
//   {"say": TEXT}           a message of the user, and a run
//   {"resume": {...}}       beside it, or alone: each interrupt is answered {"status", "payload"?}
//   {"tool": TEXT}          a run after the last call of a client tool has returned this
//   {"leaveAt": TEXT}       beside "say": abort the run when the answer has reached this text
//   {"connect": true}       what is live, told again into a conversation of which only the prompts
//                           are left, as after a reload
//   {"cancel": true}        cancel what is live
// Prints, as JSON, for each conversation how its steps ended, and its messages.

const { HttpAgent, runHttpRequest, transformHttpEventStream } = await import(process.argv[2]);
const { EMPTY, defer, from, mergeMap } = await import('rxjs');

const url = 'http://localhost:8000/ag-ui';
const TOLD = ['RUN_STARTED', 'RUN_FINISHED', 'RUN_ERROR', 'CUSTOM'];

// The package leaves `connect` to its users.
class ResumableAgent extends HttpAgent {
  connect({ runId, protocolVersion }) {
    const query = new URLSearchParams({ runId, ...(protocolVersion && { protocolVersion }) });
    return defer(() => from(fetch(`${this.url}/${this.threadId}/stream?${query}`))).pipe(
      mergeMap((response) =>
        response.status === 204
          ? EMPTY
          : transformHttpEventStream(runHttpRequest(async () => response)),
      ),
    );
  }
}

async function converse(steps) {
  const threadId = crypto.randomUUID();
  let agent = new ResumableAgent({ url, threadId });
  const ends = [];
  let step;

  const subscriber = {
    onEvent({ event }) {
      ends.at(-1).events.push(event.type);
      if (TOLD.includes(event.type)) ends.at(-1)[event.type] = event;
    },
    onTextMessageContentEvent({ textMessageBuffer }) {
      if (step.leaveAt && textMessageBuffer.includes(step.leaveAt)) agent.abortRun();
    },
  };

  function add(message) {
    agent.addMessage({ id: crypto.randomUUID(), ...message });
  }

  function connect() {
    const initialMessages = agent.messages.filter(({ role }) => role === 'user');
    agent = new ResumableAgent({ url, threadId, initialMessages });
    return agent.connectAgent({}, subscriber);
  }

  function run() {
    if (step.say) add({ role: 'user', content: step.say });
    if (step.tool) {
      const { toolCalls } = agent.messages.findLast((message) => message.toolCalls);
      add({ role: 'tool', toolCallId: toolCalls.at(-1).id, content: step.tool });
    }
    const resume =
      step.resume && agent.pendingInterrupts.map(({ id }) => ({ interruptId: id, ...step.resume }));
    return agent.runAgent({ resume }, subscriber);
  }

  for (step of steps) {
    ends.push({ events: [] });
    try {
      if (step.cancel) {
        ends.at(-1).status = (await fetch(`${url}/${threadId}/cancel`, { method: 'POST' })).status;
      } else {
        ends.at(-1).result = (await (step.connect ? connect() : run())).result;
      }
    } catch (error) {
      ends.at(-1).error = error.message;
    }
  }
  return { ends, messages: agent.messages };
}

const warnings = [];
console.warn = (...words) => warnings.push(words.join(' '));
console.error = () => {}; // what it throws is told
const conversations = await Promise.all(JSON.parse(process.argv[3]).map(converse));
console.log(JSON.stringify({ conversations, warnings }));
