// node ai_sdk.mjs VERSION: what `Chat` of this version of the AI SDK makes of conversations with the
// server at SERVED. All are held at once. Prints, as JSON, what each has shown.

const version = Number(process.argv[2]);
const {
  DefaultChatTransport,
  WebSocketChatTransport,
  lastAssistantMessageIsCompleteWithToolCalls,
  lastAssistantMessageIsCompleteWithApprovalResponses,
  readUIMessageStream,
} = await import(`ai-v${version}`);
const { Chat } = await import(`ai-react-v${version}`);

const api = `${process.env.SERVED}/api/chat`;
const headers = version === 5 ? { 'x-ai-sdk-version': '5' } : undefined;
const DEADLINE = 10_000;

class Talk {
  constructor(id, { transport, messages, fetch, ...options } = {}) {
    this.seen = { statuses: ['ready'], errors: [], data: [], finished: [] };
    this.chat = new Chat({
      id: `${id}-${version}`,
      messages,
      transport: transport ?? new DefaultChatTransport({ api, headers, fetch }),
      onData: ({ type, data }) => this.seen.data.push([type, data]),
      onError: ({ message }) => this.seen.errors.push(message),
      onFinish: ({ isAbort, isError, finishReason }) =>
        this.seen.finished.push([isAbort, isError, finishReason]),
      onToolCall: ({ toolCall }) => this.call?.(toolCall),
      ...options,
    });
    this.chat['~registerStatusCallback'](() => this.seen.statuses.push(this.chat.status));
  }

  get last() {
    return this.chat.messages.at(-1);
  }

  get text() {
    const texts = this.last?.parts.filter(({ type }) => type === 'text') ?? [];
    return texts.map(({ text }) => text).join('');
  }

  part(state) {
    return this.last?.parts.find((part) => part.state === state);
  }

  async until(condition) {
    const deadline = Date.now() + DEADLINE;
    while (!condition()) {
      if (Date.now() > deadline) {
        throw new Error(`not yet: ${condition}; ${JSON.stringify(this.told())}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  }

  ready() {
    return this.until(() => this.chat.status === 'ready');
  }

  told() {
    return { ...this.seen, status: this.chat.status, messages: this.chat.messages };
  }
}

async function stopAtServer({ chat }) {
  return (await fetch(`${api}/${encodeURIComponent(chat.id)}/stop`, { method: 'POST' })).status;
}

// Lets the agent say the rest.
function release({ chat }) {
  return fetch(`${process.env.SERVED}/release/${encodeURIComponent(chat.id)}`);
}

// A `fetch` whose body breaks off, once `cut` is resolved, with what a browser says of a lost
// connection.
function cuttable(cut) {
  return async (url, options) => {
    const response = await fetch(url, options);
    if (options.method !== 'POST') return response;
    const through = new TransformStream({
      start: (controller) => void cut.then(() => controller.error(new TypeError('network error'))),
    });
    response.body.pipeTo(through.writable).catch(() => {});
    return new Response(through.readable, response);
  };
}

const scenarios = {
  async hello() {
    const talk = new Talk('hello');
    await talk.chat.sendMessage({ text: 'Hello!' });
    await talk.chat.sendMessage({ text: 'What was that?' });
    return talk.told();
  },

  async read() {
    const transport = new DefaultChatTransport({ api, headers });
    const messages = [{ id: 'u', role: 'user', parts: [{ type: 'text', text: 'Hello!' }] }];
    const chatId = `read-${version}`;
    const stream = await transport.sendMessages({ chatId, messages, trigger: 'submit-message' });
    let last;
    for await (const message of readUIMessageStream({ stream })) last = message;
    return last;
  },

  async clientTool() {
    const sendAutomaticallyWhen = lastAssistantMessageIsCompleteWithToolCalls;
    const talk = new Talk('client-tool', { sendAutomaticallyWhen });
    const calls = [];
    talk.call = (call) => {
      calls.push(call);
      talk.chat.addToolOutput({ tool: call.toolName, toolCallId: call.toolCallId, output: 'Oslo' });
    };
    await talk.chat.sendMessage({ text: 'Where am I?' });
    await talk.until(() => talk.text.endsWith('Oslo.'));
    await talk.ready();
    return { ...talk.told(), calls };
  },

  async clientToolFails() {
    const talk = new Talk('client-tool-fails');
    await talk.chat.sendMessage({ text: 'Where am I?' });
    const { toolCallId } = talk.part('input-available');
    const errorText = 'No satellites.';
    const tool = 'get_location';
    await talk.chat.addToolOutput({ tool, toolCallId, state: 'output-error', errorText });
    await talk.chat.sendMessage();
    return talk.told();
  },

  allowed: () => approve('allowed', true),

  refused: () => approve('refused', false),

  async questions() {
    const talk = new Talk('questions');
    await talk.chat.sendMessage({ text: 'Ask me.' });
    await talk.chat.sendMessage({ text: 'Oslo' });
    const { id } = talk.last.parts.find(({ type }) => type === 'data-question');
    await talk.chat.sendMessage({ role: 'user', parts: [{ type: 'data-answer', id, data: 3 }] });
    return talk.told();
  },

  async typedAnswers() {
    const talk = new Talk('typed-answers');
    await talk.chat.sendMessage({ text: 'Ask me.' });
    await talk.chat.sendMessage({ text: 'Oslo' });
    await talk.chat.sendMessage({ text: '3' });
    return talk.text;
  },

  async somethingElse() {
    const talk = new Talk('something-else');
    await talk.chat.sendMessage({ text: 'Where am I?' });
    await talk.chat.sendMessage({ text: 'Never mind.' });
    return talk.told();
  },

  async failure() {
    const talk = new Talk('failure');
    await talk.chat.sendMessage({ text: 'Fail.' });
    return talk.told();
  },

  async notUnderstood() {
    const talk = new Talk('x'.repeat(300));
    await talk.chat.sendMessage({ text: 'Hello!' });
    return talk.told();
  },

  async regenerate() {
    const talk = new Talk('regenerate');
    await talk.chat.sendMessage({ text: 'First' });
    await talk.chat.sendMessage({ text: 'Second' });
    const { id } = talk.last;
    await talk.chat.regenerate();
    return { ...talk.told(), before: id };
  },

  async stop() {
    const talk = new Talk('stop a/b ü?');
    const sent = talk.chat.sendMessage({ text: 'Speak for ever.' });
    await talk.until(() => talk.text.startsWith('on on on '));
    await talk.chat.stop();
    await sent;
    const codes = [await stopAtServer(talk), await stopAtServer(talk)];
    await talk.chat.resumeStream();
    return { ...talk.told(), codes };
  },

  async stopAndGoOn() {
    const talk = new Talk('stop-and-go-on');
    const sent = talk.chat.sendMessage({ text: 'Speak for ever.' });
    await talk.until(() => talk.text.startsWith('on on on '));
    await talk.chat.stop();
    await sent;
    await talk.chat.sendMessage({ text: 'Go on.' });
    return talk.told();
  },

  async stoppedElsewhere() {
    const talk = new Talk('stopped-elsewhere');
    const sent = talk.chat.sendMessage({ text: 'Speak for ever.' });
    await talk.until(() => talk.text.startsWith('on on on '));
    await stopAtServer(talk);
    await sent;
    return talk.told();
  },

  async resume() {
    const talk = new Talk('resume a/b ü?');
    const sent = talk.chat.sendMessage({ text: 'Speak slowly.' });
    await talk.until(() => talk.text.endsWith('steady, '));
    const other = new Talk('resume a/b ü?', { messages: talk.chat.messages.slice(0, 1) });
    const resumed = other.chat.resumeStream();
    await other.until(() => other.text.endsWith('steady, '));
    await release(talk);
    await Promise.all([resumed, sent]);
    const late = new Talk('resume a/b ü?', { messages: talk.chat.messages });
    await late.chat.resumeStream();
    return { talk: talk.told(), other: other.told(), late: late.told() };
  },

  async resumeUnknown() {
    const talk = new Talk('resume-unknown');
    await talk.chat.resumeStream();
    return talk.told();
  },

  async resumeAfterApproval() {
    const talk = new Talk('resume-after-approval');
    await talk.chat.sendMessage({ text: 'Delete it slowly.' });
    const before = structuredClone(talk.chat.messages);
    const waiting = new Talk('resume-after-approval', { messages: before.slice(0, 1) });
    await waiting.chat.resumeStream();
    await answer(talk, true);
    const sent = talk.chat.sendMessage();
    await talk.until(() => talk.text.endsWith('It was '));
    const fresh = new Talk('resume-after-approval', { messages: before.slice(0, 1) });
    const stale = new Talk('resume-after-approval', { messages: before });
    const resumed = [fresh.chat.resumeStream(), stale.chat.resumeStream()];
    await Promise.all([fresh, stale].map((each) => each.until(() => each.text.endsWith('It was '))));
    await release(talk);
    await Promise.all([...resumed, sent]);
    const told = { talk, waiting, fresh, stale };
    return Object.fromEntries(Object.entries(told).map(([name, each]) => [name, each.told()]));
  },

  async resumeAfterQuestion() {
    const talk = new Talk('resume-after-question');
    await talk.chat.sendMessage({ text: 'Ask me.' });
    await talk.chat.sendMessage({ text: 'Oslo' });
    const messages = talk.chat.messages.slice(0, 3);
    const other = new Talk('resume-after-question', { messages });
    await other.chat.resumeStream();
    return { talk: talk.told(), other: other.told() };
  },

  async disconnect() {
    if (version === 5) return null; // it adds the replay to what it has
    const { promise, resolve } = Promise.withResolvers();
    const talk = new Talk('disconnect', { fetch: cuttable(promise) });
    const sent = talk.chat.sendMessage({ text: 'Speak slowly.' });
    await talk.until(() => talk.text.endsWith('steady, '));
    resolve();
    await sent;
    const cut = structuredClone(talk.told());
    const resumed = talk.chat.resumeStream();
    await talk.until(() => talk.chat.status === 'streaming');
    await release(talk);
    await resumed;
    return { cut, ...talk.told() };
  },
};

// What version 5 has no chunk for, it answers as a tool of its own.
async function answer(talk, approved) {
  if (version === 5) {
    const { toolCallId } = talk.part('input-available');
    await talk.chat.addToolOutput({ tool: 'remove', toolCallId, output: approved });
  } else {
    const { approval } = talk.part('approval-requested');
    await talk.chat.addToolApprovalResponse({ id: approval.id, approved });
  }
}

async function approve(id, approved) {
  const sendAutomaticallyWhen =
    lastAssistantMessageIsCompleteWithApprovalResponses ??
    lastAssistantMessageIsCompleteWithToolCalls;
  const talk = new Talk(id, { sendAutomaticallyWhen });
  await talk.chat.sendMessage({ text: 'Delete it.' });
  const asked = structuredClone(talk.last);
  await answer(talk, approved);
  await talk.until(() => /It was (kept|removed)\.$/.test(talk.text));
  await talk.ready();
  return { ...talk.told(), asked };
}

const sockets = {
  async webSocket() {
    const url = `${process.env.SERVED}/api/chat/ws`;
    const transport = new WebSocketChatTransport({ url });
    const sendAutomaticallyWhen = lastAssistantMessageIsCompleteWithApprovalResponses;
    const [hello, remove, slow, other, unknown, long, failing] = [
      ...['ws-hello', 'ws-remove', 'ws-slow', 'ws-slow', 'ws-unknown', 'x'.repeat(300), 'ws-fail'],
    ].map((id) => new Talk(id, { transport, sendAutomaticallyWhen }));
    const removing = remove.chat.sendMessage({ text: 'Delete it.' });
    const speaking = slow.chat.sendMessage({ text: 'Speak slowly.' });
    await slow.until(() => slow.text.endsWith('steady, '));
    const resumed = other.chat.resumeStream();
    await other.until(() => other.text.endsWith('steady, '));
    await hello.chat.sendMessage({ text: 'Hello!' });
    await unknown.chat.resumeStream();
    await long.chat.sendMessage({ text: 'Hello!' });
    await failing.chat.sendMessage({ text: 'Fail.' });
    await removing;
    await answer(remove, true);
    await remove.until(() => remove.text.endsWith('removed.'));
    await remove.ready();
    await release(slow);
    await Promise.all([speaking, resumed]);
    const stopped = new Talk('ws-stop', { transport });
    const sent = stopped.chat.sendMessage({ text: 'Speak for ever.' });
    await stopped.until(() => stopped.text.startsWith('on on on '));
    await stopped.chat.stop();
    await sent;
    await stopped.chat.sendMessage({ text: 'Go on.' });
    transport.close();
    const told = { hello, remove, slow, other, unknown, long, failing, stopped };
    return Object.fromEntries(Object.entries(told).map(([name, each]) => [name, each.told()]));
  },
};

const all = { ...scenarios, ...(WebSocketChatTransport && sockets) };
const told = await Promise.all(
  Object.entries(all).map(async ([name, hold]) => {
    try {
      return [name, await hold()];
    } catch (error) {
      return [name, { thrown: error.stack }];
    }
  }),
);
console.log(JSON.stringify(Object.fromEntries(told)));
