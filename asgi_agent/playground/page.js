/**
 * The page: ask, watch, answer, cancel; and find every word again after a reload.
 *
 * What is shown is what the server has kept. The page itself remembers the session and the
 * transport, in its URL, and what is being typed. Whatever comes from elsewhere is put in as text.
 *
 * @module
 */

import { AgentClient, newSessionId } from "./client.js";
import { Answer, message } from "./view.js";

const EXAMPLES = [
  "What is 12 * (3 + 4)?",
  "What time is it?",
  "Convert 10 km",
  "Note: buy milk",
  "Delete my notes",
  "How do I resume a stream?",
];

const client = new AgentClient();
const [main, log, status, prompt] = ["main", "#log", "#status", "#prompt"].map((selector) =>
  document.querySelector(selector),
);
const [name, examples, transport, form, send, cancel] = [
  ...["#name", "#examples", "#transport", "#ask", "#send", "#cancel"],
].map((selector) => document.querySelector(selector));

let sessionId = newSessionId();
let connection; // the WebSocket, once it is used
let isBusy = false;

// ── where we are: in the URL ─────────────────────────────────────────────────────────────────

const place = new URLSearchParams(location.hash.slice(1));
if (place.get("transport") === "ws") transport.querySelector("[value=ws]").checked = true;
if (place.has("session")) sessionId = place.get("session");

function chosenTransport() {
  return transport.querySelector(":checked").value;
}

function remember(session = place.get("session")) {
  if (session) place.set("session", session);
  else place.delete("session");
  place.set("transport", chosenTransport());
  history.replaceState(null, "", `#${place}`);
}

// ── one voice for each transport, with the same methods ──────────────────────────────────────

function onReconnect(milliseconds) {
  say(`The connection is lost. It is tried again in ${Math.ceil(milliseconds / 1000)} s.`);
}

const overEventStream = {
  ask: (text) => client.ask(text, { sessionId, onReconnect }),
  follow: () => client.follow(sessionId, "", { onReconnect }),
  cancel: () => client.cancel(sessionId),
  answer: (id, value) => client.answer(sessionId, id, value),
};

async function voice() {
  if (chosenTransport() === "sse") return overEventStream;
  // The URL has no session yet: a new one begins, and nothing need be asked about it.
  const session = place.has("session") ? { sessionId } : {};
  connection ??= await client.connect({ ...session, onReconnect });
  sessionId = connection.sessionId;
  return connection;
}

// ── one turn ─────────────────────────────────────────────────────────────────────────────────

/** Show the events of a turn as they come. Returns what has failed, if something has. */
async function watch(begin, isReplayed) {
  const answer = new Answer(async (id, value) => (await voice()).answer(id, value));
  log.append(answer.element);
  busy(true);
  try {
    const events = begin(await voice());
    remember(sessionId);
    for await (const event of events) {
      cancel.disabled = false;
      forgetDraft();
      show(() => answer.show(event));
      if (isReplayed && answer.isRequest(event)) await closeIfAnswered(answer, event.id);
      say(answer.status);
    }
  } catch (error) {
    if (!answer.isEmpty) show(() => answer.fail(error.message));
    return error;
  } finally {
    answer.end();
    busy(false);
  }
  return undefined;
}

async function closeIfAnswered(answer, id) {
  const { questions } = await client.history(sessionId);
  if (!questions.some((question) => question.id === id)) answer.close(id, "Answered.");
}

async function ask(text) {
  examples.hidden = true;
  const asked = message("user", text);
  show(() => log.append(asked));
  prompt.value = "";
  const error = await watch((said) => said.ask(text));
  if (error) {
    say("");
    show(() => log.append(message("error", error.message)));
    if (!prompt.value && draft() === text) prompt.value = text; // it was not taken
  }
}

// ── a reload ─────────────────────────────────────────────────────────────────────────────────

/** Show what was said before. The latest turn is told by its events: with thoughts and tools. */
async function restore() {
  say("Loading the conversation.");
  const { history } = await client.history(sessionId);
  const latest = history.findLastIndex(({ role }) => role === "user");
  for (const { role, content } of history.slice(0, latest + 1)) log.append(message(role, content));
  if (history[latest]?.content === draft()) {
    prompt.value = ""; // it has been asked
    forgetDraft();
  }
  main.scrollTop = main.scrollHeight;
  if (latest >= 0 && (await watch((said) => said.follow(), true))) {
    // Its events are kept no longer.
    for (const { role, content } of history.slice(latest + 1)) log.append(message(role, content));
  }
}

async function begin() {
  prompt.value = draft();
  introduce();
  if (!place.has("session")) return;
  busy(true);
  try {
    await restore();
  } catch (error) {
    say("");
    log.append(message("error", error.message));
  } finally {
    busy(false);
  }
}

async function introduce() {
  const { agent_name: agent } = await (await fetch("health")).json();
  document.title = name.textContent = agent;
  examples.hidden = agent !== "demo" || place.has("session") || isBusy;
}

// The draft: what is being typed; and what was asked, until the agent has begun to answer it.

function draft() {
  return sessionStorage.getItem("draft") ?? "";
}

function forgetDraft() {
  sessionStorage.setItem("draft", prompt.value);
}

// ── the page ─────────────────────────────────────────────────────────────────────────────────

/** Change the log, and stay at its end if that is where we are. */
function show(change) {
  const isAtEnd = main.scrollHeight - main.scrollTop - main.clientHeight < 60;
  change();
  if (isAtEnd) main.scrollTop = main.scrollHeight;
}

function say(text) {
  if (status.textContent !== text) status.textContent = text; // or it would be read out again
}

function busy(whether) {
  isBusy = whether;
  send.disabled = transport.disabled = whether;
  send.hidden = whether;
  cancel.hidden = !whether;
  cancel.disabled = true; // until there is something to be cancelled
  if (whether) say("Asking.");
}

function submit(event) {
  event.preventDefault();
  const text = prompt.value.trim();
  if (!text || isBusy) return;
  sessionStorage.setItem("draft", text);
  ask(text);
}

async function stop() {
  cancel.disabled = true;
  try {
    await (await voice()).cancel();
  } catch (error) {
    say(error.message);
  }
}

form.addEventListener("submit", submit);
cancel.addEventListener("click", stop);
prompt.addEventListener("input", forgetDraft);
prompt.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) submit(event);
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && isBusy && !cancel.disabled) stop();
});
transport.addEventListener("change", () => remember());
document.querySelector("#new").addEventListener("click", () => {
  remember("");
  location.reload();
});
addEventListener("hashchange", () => location.reload());
for (const text of EXAMPLES) {
  const button = Object.assign(document.createElement("button"), { textContent: text });
  button.type = "button";
  button.addEventListener("click", () => {
    prompt.value = text;
    prompt.focus();
    form.requestSubmit();
  });
  examples.append(button);
}

begin();
