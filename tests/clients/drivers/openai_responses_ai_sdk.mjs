// node openai_responses_ai_sdk.mjs AI PROVIDER: a conversation through the AI SDK with its provider
// for Responses; what it has read is written as JSON.

const [ai, provider] = process.argv.slice(2);
const { generateText, jsonSchema, stepCountIs, isStepCount, streamText, tool } = await import(ai);
const { createOpenAI } = await import(provider);

const openai = createOpenAI({ baseURL: `${process.env.SERVED}/v1`, apiKey: 'k' });
const model = openai.responses('demo-agent');
const where = tool({
  inputSchema: jsonSchema({ type: 'object' }),
  execute: async () => 'Bern',
});
const read = {};

async function say(messages, content, options = {}) {
  messages.push({ role: 'user', content });
  const result = streamText({ model, messages, maxRetries: 0, ...options });
  await result.consumeStream();
  const response = await result.response;
  messages.push(...(response.messages ?? []));
  return result;
}

const messages = [];
const weather = await say(messages, "What's the weather?");
read.text = await weather.text;
read.reasoning = await weather.reasoningText;
read.results = (await weather.toolResults).map((each) => each.output.output ?? each.output.error);
read.tokens = (await weather.totalUsage).totalTokens;
read.next = await (await say(messages, 'And now?')).text;
read.afterNext = await (await say(messages, 'And then?')).text;

const stopWhen = (isStepCount ?? stepCountIs)(5);
const steps = await say([], 'Where am I?', { tools: { get_location: where }, stopWhen });
read.steps = (await steps.steps).map((step) => step.text);

for (const approved of [true, false]) {
  const talk = [];
  const asked = await say(talk, 'Delete it.');
  const request = (await asked.content).find((part) => part.type === 'tool-approval-request');
  const answer = { approvalId: request.approvalId, approved, providerExecuted: true };
  talk.push({ role: 'tool', content: [{ type: 'tool-approval-response', ...answer }] });
  const { text } = await generateText({ model, messages: talk, maxRetries: 0 });
  read[approved ? 'approved' : 'denied'] = text;
}

console.log(JSON.stringify(read));
