// node anthropic_messages_talk.mjs PACKAGE: conversations with this version of the client; what it
// has read is written as JSON.

const { default: Anthropic } = await import(process.argv[2]);

const client = new Anthropic({ baseURL: process.env.SERVED, apiKey: 'k', maxRetries: 0 });
const asked = { model: 'any', max_tokens: 1000 };
const read = {};

function user(content) {
  return { role: 'user', content };
}

async function raised(promise) {
  try {
    await promise;
  } catch (error) {
    return [error.constructor.name, error.status ?? null, error.message];
  }
}

for (const [name, { messages }] of [['stable', client], ['beta', client.beta]]) {
  const stream = messages.stream({ ...asked, messages: [user("What's the weather?")] });
  const deltas = [];
  stream.on('text', (delta) => deltas.push(delta));
  const { content, stop_reason, usage } = await stream.finalMessage();
  read[name] = { content, stop_reason, usage, deltas };
}

const { messages } = client;
read.whole = (await messages.create({ ...asked, messages: [user('Be brief.')] })).stop_reason;

const talk = [user('Where am I?')];
const first = await messages.stream({ ...asked, messages: talk }).finalMessage();
const call = first.content.at(-1);
talk.push({ role: 'assistant', content: first.content });
talk.push(user([{ type: 'tool_result', tool_use_id: call.id, content: 'Bern' }]));
const second = await messages.create({ ...asked, messages: talk });
read.tool = [first.stop_reason, call.name, call.input, second.content];

talk.push({ role: 'assistant', content: second.content }, user('And now?'));
read.history = (await messages.create({ ...asked, messages: talk })).content[0].text;

read.denied = (await messages.create({ ...asked, messages: [user('Delete it.')] })).content;
read.failedStream = await raised(
  messages.stream({ ...asked, messages: [user('Fail.')] }).finalMessage(),
);
read.failed = await raised(messages.create({ ...asked, messages: [user('Fail.')] }));
read.invalid = await raised(messages.create({ ...asked, messages: [] }));

const forever = messages.stream({ ...asked, messages: [user('Speak for ever.')] });
forever.on('text', () => forever.abort());
read.aborted = (await raised(forever.done()))[0];

console.log(JSON.stringify(read));
