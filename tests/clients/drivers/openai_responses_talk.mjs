// node openai_responses_talk.mjs PACKAGE: one conversation of each kind with this version of the
// client; what it has read is written as JSON.

const name = process.argv[2];
const { default: OpenAI } = await import(name);
const { ResponsesWS } = await import(`${name}/resources/responses/ws`);

const client = new OpenAI({ baseURL: `${process.env.SERVED}/v1`, apiKey: 'k', maxRetries: 0 });
const { responses } = client;
const model = 'any';
const read = {};

async function raised(promise) {
  try {
    await promise;
  } catch (error) {
    return [error.constructor.name, error.status ?? null, error.message];
  }
}

function say(input, previous) {
  return responses.create({ model, input, ...(previous && { previous_response_id: previous.id }) });
}

// Text, reasoning and tools, with the helper that checks every event.
const weather = responses.stream({ model, input: "What's the weather?" });
const events = [];
for await (const event of weather) {
  events.push([event.type, event.sequence_number]);
}
const whole = await weather.finalResponse();
read.weather = { text: whole.output_text, items: whole.output.map((item) => item.type), events };
read.usage = whole.usage.total_tokens;

// The same again: whole, from the beginning, and from the middle.
read.retrieved = (await responses.retrieve(whole.id)).output_text;
const replay = responses.stream({ response_id: whole.id, starting_after: 3 });
const replayed = [];
for await (const event of replay) {
  replayed.push([event.type, event.sequence_number]);
}
read.replayed = replayed;
const rest = [];
for await (const event of await responses.retrieve(whole.id, { stream: true, starting_after: 3 })) {
  rest.push([event.type, event.sequence_number]);
}
read.rest = rest;

// A tool of the client.
const asked = await say('Where am I?');
const call = asked.output.at(-1);
const output = { type: 'function_call_output', call_id: call.call_id, output: 'Bern' };
read.tool = [call.name, JSON.parse(call.arguments), (await say([output], asked)).output_text];

// Approvals.
for (const approve of [true, false]) {
  const request = await say('Delete it.');
  const { id } = request.output[0];
  const answer = { type: 'mcp_approval_response', approval_request_id: id, approve };
  read[approve ? 'approved' : 'denied'] = (await say([answer], request)).output_text;
}

// Several turns.
const question = await say('Ask me.');
const answered = await say('Rome', question);
read.question = [question.output_text, answered.output_text];
read.next = (await say('And now?', answered)).output_text;

// Failures.
const failed = await responses.stream({ model, input: 'Fail.' }).finalResponse();
read.failed = [failed.status, failed.error.message, failed.output_text];
read.unknown = await raised(responses.retrieve('resp_x'));
read.invalid = await raised(responses.create({ model, input: [] }));

// To cancel, to cut the connection and come back, and to delete.
const forever = await responses.create({ model, input: 'Speak for ever.', stream: true });
let number = 0;
for await (const event of forever) {
  if (event.type === 'response.created') {
    read.name = event.response.id;
  }
  number = event.sequence_number;
  if (number > 10) {
    break; // which aborts the request
  }
}
const more = await responses.retrieve(read.name, { stream: true, starting_after: number });
const numbers = [];
for await (const event of more) {
  numbers.push(event.sequence_number);
  if (numbers.length === 5) {
    const cancelled = await responses.cancel(read.name);
    read.cancelled = cancelled.status;
  }
  read.last = [event.type, event.response?.status];
}
read.gaps = numbers.filter((each, index) => each !== number + 1 + index);
await responses.delete(read.name);
read.deleted = await raised(responses.retrieve(read.name));

// The same over a WebSocket.
const socket = new ResponsesWS(client);
read.socket = [];
for await (const record of socket.stream()) {
  if (record.type === 'open') {
    socket.send({ type: 'response.create', model, input: "What's the weather?" });
  } else if (record.type === 'message') {
    read.socket.push([record.message.type, record.message.sequence_number]);
    if (record.message.type === 'response.completed') {
      socket.close();
    }
  }
}

console.log(JSON.stringify(read));
