// node use_agent.js PROMPT ...: the printed hook in a page that shows its messages. Each prompt
// is sent when the answer to the one before is complete. Prints, as JSON, the text of the last
// message after every change of the page, and all messages in the end.

import { JSDOM } from 'jsdom';

const { window } = new JSDOM('<body></body>');
Object.assign(globalThis, { window, document: window.document });

const { createElement } = await import('react');
const { createRoot } = await import('react-dom/client');
const { useAgent } = await import('../printed/use_agent.ts');

let agent;

function Chat() {
  agent = useAgent();
  return createElement(
    'main',
    { 'aria-busy': agent.isStreaming },
    agent.messages.map(({ role, content }, index) =>
      createElement('p', { key: index, className: role }, content),
    ),
  );
}

const { body } = window.document;
const shown = [];
let changed = () => {};

new window.MutationObserver(() => {
  shown.push(body.querySelector('p:last-of-type')?.textContent ?? '');
  changed();
}).observe(body, { subtree: true, childList: true, attributes: true, characterData: true });

async function busy(expected) {
  while (body.querySelector('main')?.getAttribute('aria-busy') !== String(expected)) {
    await new Promise((resolve) => (changed = resolve));
  }
}

const root = createRoot(body);
root.render(createElement(Chat));
await busy(false);
for (const prompt of process.argv.slice(2)) {
  agent.sendMessage(prompt);
  await busy(true);
  await busy(false);
}
const messages = Array.from(body.querySelectorAll('p'), (p) => [p.className, p.textContent]);
console.log(JSON.stringify({ shown, messages }));
root.unmount();
window.close();
