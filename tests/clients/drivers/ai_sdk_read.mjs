// node ai_sdk_read.mjs: reads, on stdin, a JSON array of event streams. Prints, as JSON, what each
// version of the AI SDK, and assistant-stream, make of each of them: a message, or an error.

import { text } from 'node:stream/consumers';

import { UIMessageStreamDecoder } from 'assistant-stream';

async function clientOf(version) {
  const { DefaultChatTransport, readUIMessageStream } = await import(`ai-v${version}`);
  return async (body) => {
    const transport = new DefaultChatTransport({ fetch: async () => new Response(body) });
    const request = { chatId: 'c', messages: [], trigger: 'submit-message' };
    const stream = await transport.sendMessages(request);
    let thrown;
    let last = null;
    const messages = readUIMessageStream({
      stream,
      onError: (error) => (thrown ??= error),
    });
    for await (const message of messages) last = message;
    return thrown ? { error: thrown.message, last } : { last };
  };
}

async function assistantStream(body) {
  const said = { text: '', reasoning: '', error: null };
  const chunks = new Response(body).body.pipeThrough(new UIMessageStreamDecoder());
  const kinds = new Map();
  for await (const { type, path, part, textDelta, error } of chunks) {
    if (type === 'part-start') kinds.set(path.length ? String(path) : String(kinds.size), part.type);
    if (type === 'text-delta') {
      const kind = kinds.get(String(path));
      if (kind in said) said[kind] += textDelta;
    }
    if (type === 'error') said.error = error;
  }
  return said;
}

async function caught(read, body) {
  try {
    return await read(body);
  } catch (error) {
    return { thrown: String(error) };
  }
}

const clients = {
  v5: await clientOf(5),
  v6: await clientOf(6),
  v7: await clientOf(7),
  assistant: assistantStream,
};
const told = [];
for (const body of JSON.parse(await text(process.stdin))) {
  const entries = Object.entries(clients).map(async ([name, read]) => [name, await caught(read, body)]);
  told.push(Object.fromEntries(await Promise.all(entries)));
}
console.log(JSON.stringify(told));
