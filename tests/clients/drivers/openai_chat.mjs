// Drives a version of the official SDK against SERVED, or over streams that a file holds, and
// prints what it has read as JSON.
//
//   node openai_chat.mjs <package> [<file of streams>]

import { readFileSync } from 'node:fs';

const [name, file] = process.argv.slice(2);
const { default: OpenAI } = await import(name);

async function read(stream) {
  const told = { text: '', reasoning: '', calls: [], reason: null, usage: null, ids: [] };
  try {
    for await (const chunk of stream) {
      const [choice] = chunk.choices;
      told.ids.push(chunk.id);
      told.usage = chunk.usage ?? told.usage;
      if (!choice) continue;
      told.text += choice.delta.content ?? '';
      told.reasoning += choice.delta.reasoning_content ?? '';
      for (const call of choice.delta.tool_calls ?? []) told.calls.push(call);
      told.reason = choice.finish_reason ?? told.reason;
    }
  } catch (error) {
    told.error = failure(error);
  }
  told.ids = [...new Set(told.ids)].length;
  return told;
}

function failure(error) {
  const { status, code, type, message } = error;
  return { kind: error.constructor.name, status, code, type, message };
}

const caught = async (promise) => {
  try {
    return await promise;
  } catch (error) {
    return failure(error);
  }
};

async function drive(client) {
  const ask = (content, more = {}) =>
    client.chat.completions.create({
      model: 'any',
      messages: [{ role: 'user', content }],
      ...more,
    });
  const streamed = async (content, more = {}) => read(await ask(content, { stream: true, ...more }));

  const first = await ask('Where am I?');
  const { message } = first.choices[0];
  const results = message.tool_calls.map(({ id, function: { name } }) => ({
    role: 'tool',
    tool_call_id: id,
    content: name === 'get_time' ? 'noon' : 'Rome',
  }));
  const messages = [{ role: 'user', content: 'Where am I?' }, message, ...results];
  const answered = await read(
    await client.chat.completions.create({ model: 'any', messages, stream: true }),
  );

  const helper = client.chat.completions.stream({
    model: 'any',
    messages: [{ role: 'user', content: 'hi' }],
  });
  const final = await helper.finalChatCompletion();

  const endless = await ask('Speak for ever.', { stream: true });
  for await (const chunk of endless) if (chunk.choices[0].delta.content) break;

  return {
    text: await streamed('hi', { stream_options: { include_usage: true } }),
    parts: await streamed([{ type: 'text', text: 'h' }, { type: 'text', text: 'o' }]),
    whole: (await ask('hi')).choices[0],
    final: final.choices[0].message.content,
    clientTools: await streamed('Where am I?'),
    answered,
    approval: await streamed('Delete it.'),
    question: await streamed('How is the weather?'),
    failure: await streamed('Fail.'),
    wholeFailure: await caught(ask('Fail at once.')),
    badRequest: await caught(client.chat.completions.create({ model: 'any', messages: [] })),
    models: (await client.models.list()).data.map(({ id }) => id),
    model: (await client.models.retrieve('demo')).id,
  };
}

async function readAll(streams) {
  const told = [];
  for (const stream of streams) {
    const headers = { 'content-type': 'text/event-stream; charset=utf-8' };
    const fetch = async () => new Response(stream, { headers });
    const client = new OpenAI({ baseURL: 'http://localhost/v1', apiKey: 'x', fetch });
    told.push(await read(await client.chat.completions.create({ messages: [], stream: true })));
  }
  return told;
}

const told = file
  ? await readAll(JSON.parse(readFileSync(file, 'utf-8')))
  : await drive(new OpenAI({ baseURL: `${process.env.SERVED}/v1`, apiKey: 'x' }));
console.log(JSON.stringify(told));
