// node ai_sdk_hook.mjs VERSION: `useChat` of this version of the AI SDK in a page that is loaded
// while an answer is streamed, in React's StrictMode; then one more message is sent from the page.
// Prints, as JSON, the page's requests and the messages that it shows in the end.

import { JSDOM } from 'jsdom';

const { window } = new JSDOM('<body></body>');
Object.assign(globalThis, { window, document: window.document });

const version = process.argv[2];
const { StrictMode, createElement } = await import('react');
const { createRoot } = await import('react-dom/client');
const { useChat } = await import(`ai-react-v${version}`);
const { DefaultChatTransport } = await import(`ai-v${version}`);

const api = `${process.env.SERVED}/api/chat`;
const id = `page-${version}`;
const asked = { id: 'u', role: 'user', parts: [{ type: 'text', text: 'Speak slowly.' }] };

// The page that was there before: it has read the beginning.
const before = await fetch(api, {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ id, messages: [asked], trigger: 'submit-message' }),
});
const reader = before.body.getReader();
await reader.read();
await reader.cancel();

const requests = [];
const transport = new DefaultChatTransport({
  api,
  fetch: (url, options) => {
    requests.push(options);
    return fetch(url, options);
  },
});
let chat;

function Page() {
  chat = useChat({ id, messages: [asked], resume: true, transport });
  const lines = chat.messages.map(({ role, parts }) => {
    const texts = parts.filter(({ type }) => type === 'text').map(({ text }) => text);
    return `${role}: ${texts.join('')}`;
  });
  return createElement(
    'main',
    { 'data-status': chat.status },
    lines.map((line, index) => createElement('p', { key: index }, line)),
  );
}

const { body } = window.document;
const shown = () => Array.from(body.querySelectorAll('p'), (p) => p.textContent);

async function until(status, count) {
  const isThere = () =>
    body.querySelector('main')?.dataset.status === status && shown().length === count;
  const deadline = Date.now() + 8000;
  while (!isThere()) {
    if (Date.now() > deadline) throw new Error(JSON.stringify([chat?.status, chat?.error, shown()]));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const root = createRoot(body);
root.render(createElement(StrictMode, null, createElement(Page)));
await until('streaming', 2);
await fetch(`${process.env.SERVED}/release/${id}`);
await until('ready', 2);
chat.sendMessage({ text: 'Hello!' });
await until('ready', 4);
// In StrictMode each effect runs twice: versions 6 and 7 ask twice, and give up the first at once.
const kept = requests.filter(({ signal }) => !signal?.aborted);
console.log(JSON.stringify({ requests: kept.map(({ method }) => method), shown: shown() }));
root.unmount();
window.close();
