// Drives the AI SDK's openai-compatible provider against SERVED, and prints what it has read.

import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText, jsonSchema, stepCountIs, streamText, tool } from 'ai';

const provider = createOpenAICompatible({
  name: 'served',
  baseURL: `${process.env.SERVED}/v1`,
  includeUsage: true,
});
const model = provider('any');
const inputSchema = jsonSchema({ type: 'object', properties: {} });
const tools = {
  get_location: tool({ inputSchema, execute: async () => 'Rome' }),
  get_time: tool({ inputSchema, execute: async () => 'noon' }),
};

async function streamed(prompt, more = {}) {
  const told = { text: '', reasoning: '', calls: [], errors: [] };
  const result = streamText({ model, prompt, maxRetries: 0, onError() {}, ...more });
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') told.text += part.text;
    if (part.type === 'reasoning-delta') told.reasoning += part.text;
    if (part.type === 'tool-call') told.calls.push([part.toolName, part.input]);
    if (part.type === 'error') told.errors.push(part.error.message ?? part.error);
    if (part.type === 'finish') Object.assign(told, { reason: part.finishReason, usage: part.totalUsage });
  }
  return told;
}

async function caught(promise) {
  try {
    return await promise;
  } catch (error) {
    return { message: error.message, status: error.statusCode };
  }
}

const { text, reasoningText, usage, finishReason } = await generateText({ model, prompt: 'hi' });
const told = {
  text: await streamed('hi'),
  whole: { text, reasoningText, usage, finishReason },
  clientTools: await streamed('Where am I?', { tools, stopWhen: stepCountIs(3) }),
  approval: await streamed('Delete it.'),
  failure: await streamed('Fail.'),
  wholeFailure: await caught(generateText({ model, prompt: 'Fail at once.', maxRetries: 0 })),
};
console.log(JSON.stringify(told));
