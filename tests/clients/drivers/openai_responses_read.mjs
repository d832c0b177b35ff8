// node openai_responses_read.mjs FILE: what each client makes of each of the event streams in a
// JSON file, as JSON.

import { readFile } from 'node:fs/promises';

const streams = JSON.parse(await readFile(process.argv[2], 'utf8'));

function serving(stream) {
  const headers = { 'content-type': 'text/event-stream' };
  return async () => new Response(stream, { headers });
}

async function openai(name, stream) {
  const { default: OpenAI } = await import(name);
  const client = new OpenAI({ baseURL: 'http://x/v1', apiKey: 'k', fetch: serving(stream) });
  const { output, status } = await client.responses.stream({ model: 'm', input: '' }).finalResponse();
  return { output, status };
}

async function aiSdk(name, stream) {
  const { createOpenAI } = await import(name);
  const model = createOpenAI({ baseURL: 'http://x/v1', apiKey: 'k', fetch: serving(stream) });
  const prompt = [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }];
  const { stream: parts } = await model.responses('m').doStream({ prompt });
  const read = { text: '', reasoning: '', calls: [], results: [], approvals: 0, errors: 0 };
  for await (const part of parts) {
    if (part.type === 'text-delta') read.text += part.delta;
    if (part.type === 'reasoning-delta') read.reasoning += part.delta;
    if (part.type === 'tool-call') read.calls.push(part.input);
    if (part.type === 'tool-result') read.results.push(part.result.output ?? part.result.error);
    if (part.type === 'tool-approval-request') read.approvals += 1;
    if (part.type === 'error') read.errors += 1;
    if (part.type === 'finish') read.finish = part.finishReason.unified;
  }
  return read;
}

const clients = {
  openai: (stream) => openai('openai', stream),
  'openai-v6': (stream) => openai('openai-v6', stream),
  '@ai-sdk/openai': (stream) => aiSdk('@ai-sdk/openai', stream),
  '@ai-sdk/openai-v3': (stream) => aiSdk('@ai-sdk/openai-v3', stream),
};
const read = {};
for (const [name, client] of Object.entries(clients)) {
  read[name] = [];
  for (const stream of streams) {
    read[name].push(await client(stream).catch((error) => ({ raised: String(error) })));
  }
}
console.log(JSON.stringify(read));
