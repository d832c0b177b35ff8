// node keep_listening.js PROMPT [SESSION_ID]: an EventSource that nobody closes, until the server
// makes it stop. Prints each of its events as a line of JSON: the type, and the data or, where
// there is none, the ready state.

const [prompt, session_id] = process.argv.slice(2);

const response = await fetch('http://localhost:8000/ask', {
  method: 'POST',
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify({ prompt, session_id }),
});
const { stream_url } = await response.json();

const awake = setInterval(() => {}, 1000); // Node's own EventSource lets Node end between two tries

const source = new EventSource(`http://localhost:8000${stream_url}`);
for (const type of ['open', 'text', 'complete', 'error']) {
  source.addEventListener(type, ({ data }) => {
    console.log(JSON.stringify([type, data ? JSON.parse(data) : source.readyState]));
    if (source.readyState === EventSource.CLOSED) clearInterval(awake);
  });
}
