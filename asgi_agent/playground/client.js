/**
 * The JavaScript client: ask an agent, and hear what it says, over Server-Sent Events or WebSocket.
 * For browsers and for Node 22 or newer. It has no dependencies.
 *
 *     import { AgentClient } from "./client.js";
 *
 *     const client = new AgentClient("http://127.0.0.1:8000/");
 *     for await (const event of client.ask("What is 12 * (3 + 4)?")) {
 *       if (event.type === "text") console.log(event.content);
 *     }
 *
 * @module
 */

/**
 * One thing that the agent says: `type`, and the fields of that type: `content` of "text" and
 * "thinking"; `id`, `name`, `args` of "tool_exec"; `id`, `name`, `result` of "tool_result"; `id`,
 * `prompt` of "question"; and so on. A turn ends with "complete", "error" or "cancelled".
 *
 * @typedef {object} AgentEvent
 * @property {string} type
 * @property {string} [eventId] Its place in the session, on an event stream: what to resume after.
 *   It is not called `id`, for tools and questions have an `id` of their own.
 */

/**
 * @typedef {object} FollowOptions
 * @property {AbortSignal} [signal] Stops listening; the agent is not cancelled by that.
 * @property {(milliseconds: number) => void} [onReconnect] Told when the connection is lost, and
 *   how long it is until it is tried again.
 */

/**
 * @typedef {object} SessionState
 * @property {string} session_id
 * @property {"pending" | "streaming" | "completed" | "cancelled" | "error"} status
 * @property {{role: string, content: string}[]} history The answer of a turn that is under way is
 *   not in it yet: `follow` tells it.
 * @property {AgentEvent[]} questions What still has to be answered.
 */

const TERMINAL = new Set(["complete", "error", "cancelled"]);
const RECONNECTION_TIME = 1000; // milliseconds, until the server tells another
const LONGEST_WAIT = 30_000;
const LONGEST_TIMER = 2 ** 31 - 1; // a longer one would go off at once
const TRY_AGAIN = new Set([502, 503, 504]); // what a proxy says while the server restarts
const SHORT_NAMES = { t: "type", c: "content", n: "name", a: "args" }; // on a WebSocket
const NEVER_AGAIN = new Set([1008, 1009]); // RFC 6455, 7.4.1: policy violation, message too big

/** The server refuses what was asked of it. `status` is the HTTP status, where there is one. */
export class AgentError extends Error {
  constructor(message, status) {
    super(message);
    this.name = "AgentError";
    this.status = status;
  }
}

/** A new session ID. (`crypto.randomUUID` is missing where a page came over plain HTTP.) */
export function newSessionId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** One server's agent. */
export class AgentClient {
  #base;

  /**
   * @param {string | URL} [base] Where the server is mounted; by default, where this file was
   *   loaded from.
   */
  constructor(base = new URL(".", import.meta.url)) {
    this.#base = new URL(base, globalThis.document?.baseURI);
    if (!this.#base.pathname.endsWith("/")) this.#base.pathname += "/";
  }

  /**
   * Start a turn and tell what the agent says, until the turn ends. A connection that is lost is
   * made again, and nothing is told twice. Stopping to listen does not cancel the turn.
   *
   * @param {string} prompt
   * @param {FollowOptions & {sessionId?: string}} [options] Name a session to be able to go on
   *   with it, to cancel it, or to answer it. See `newSessionId`.
   * @returns {AsyncGenerator<AgentEvent, void, void>}
   * @throws {AgentError} 409 while the session has a turn under way, 503 if the server is full.
   */
  async *ask(prompt, { sessionId = newSessionId(), signal, onReconnect } = {}) {
    await this.#say("POST", ["ask"], { prompt, session_id: sessionId }, signal);
    yield* this.follow(sessionId, "", { signal, onReconnect });
  }

  /**
   * Tell the session's latest turn from its beginning, or what follows an event ID. A turn that is
   * over is told too.
   *
   * @param {string} sessionId
   * @param {string} [lastEventId]
   * @param {FollowOptions} [options]
   * @returns {AsyncGenerator<AgentEvent, void, void>}
   * @throws {AgentError} 404 if the server does not know the session, or not any more.
   */
  async *follow(sessionId, lastEventId = "", { signal, onReconnect } = {}) {
    const url = this.#url("stream", sessionId);
    let wait = RECONNECTION_TIME;
    for (let failures = 0; ; failures++) {
      const decoder = new EventStreamDecoder(lastEventId);
      const response = await openEventStream(url, lastEventId, signal);
      if (response?.status === 204) return; // "a client can be told to stop reconnecting"
      if (response) {
        for await (const { type, data, lastEventId: eventId } of read(response, decoder)) {
          failures = 0;
          const event = { type, eventId, ...JSON.parse(data) };
          if (type === "audio") event.bytes = fromBase64(event.bytes);
          yield event;
          if (TERMINAL.has(type)) return;
        }
        lastEventId = decoder.lastEventId;
      }
      wait = decoder.reconnectionTime ?? wait;
      await pause(wait, failures, signal, onReconnect);
    }
  }

  /**
   * Cancel the session's turn. Whoever listens hears its "cancelled".
   *
   * @param {string} sessionId
   * @throws {AgentError} 409 if nothing runs.
   */
  async cancel(sessionId) {
    await this.#say("POST", ["sessions", sessionId, "cancel"]);
  }

  /**
   * Answer a "question", an "approval" (with true or false) or a "client_tool" (with its result).
   *
   * @param {string} sessionId
   * @param {string} id The `id` of that event.
   * @param {unknown} value
   * @throws {AgentError} 404 if nobody has asked this, 409 if it has been answered.
   */
  async answer(sessionId, id, value) {
    await this.#say("POST", ["sessions", sessionId, "answer"], { id, value });
  }

  /**
   * The conversation so far.
   *
   * @param {string} sessionId
   * @returns {Promise<SessionState>}
   * @throws {AgentError} 404 if the server does not know the session, or not any more.
   */
  async history(sessionId) {
    return (await this.#request("GET", ["sessions", sessionId])).json();
  }

  /**
   * Cancel the session's turn, and forget the session.
   *
   * @param {string} sessionId
   * @throws {AgentError} 404 if the server does not know the session, or not any more.
   */
  async delete(sessionId) {
    await this.#say("DELETE", ["sessions", sessionId]);
  }

  /**
   * Hold one session's conversation over a WebSocket; a new session's, if none is named.
   *
   * @param {{sessionId?: string, onReconnect?: (milliseconds: number) => void}} [options]
   * @returns {Promise<AgentConnection>} It is open.
   * @throws {AgentError} if there is no connection to be had.
   */
  async connect({ sessionId, onReconnect } = {}) {
    const url = this.#url("ws");
    url.protocol = url.protocol.replace("http", "ws");
    const isNew = sessionId === undefined;
    const session = isNew ? { sessionId: newSessionId(), turns: 0 } : { sessionId };
    return AgentConnection.open({ client: this, url, onReconnect, ...session });
  }

  #url(...segments) {
    return new URL(segments.map(encodeURIComponent).join("/"), this.#base);
  }

  /** A request of which only matters that it was accepted. */
  async #say(method, path, body, signal) {
    const response = await this.#request(method, path, body, signal);
    response.text().catch(() => {}); // read, so that the connection is free for the next request
  }

  async #request(method, path, body, signal) {
    const headers = body && { "content-type": "application/json" };
    const options = { method, signal, headers, body: body && JSON.stringify(body) };
    return accepted(await fetch(this.#url(...path), options));
  }
}

/**
 * One session's conversation over a WebSocket, one turn at a time. A connection that is lost is
 * made again, and the turn goes on where it was. See `AgentClient.connect`.
 */
export class AgentConnection {
  #client;
  #url;
  #sessionId;
  #onReconnect;
  #turns; // that the session has had; undefined: not known
  #socket;
  #closing = new AbortController();

  /** @private */
  static async open({ client, url, onReconnect, sessionId, turns }) {
    const connection = new AgentConnection();
    connection.#client = client;
    connection.#url = url;
    connection.#onReconnect = onReconnect;
    connection.#sessionId = sessionId;
    connection.#turns = turns;
    if (!(await connection.#open())) throw new AgentError("There is no connection to be had.");
    return connection;
  }

  /** The session that this connection is about. */
  get sessionId() {
    return this.#sessionId;
  }

  /**
   * Start a turn and tell what the agent says, until the turn ends. A message of ours that the
   * server does not accept meanwhile is told as `{type: "refused", error}`.
   *
   * @param {string} prompt
   * @returns {AsyncGenerator<AgentEvent, void, void>}
   * @throws {AgentError} if the server refuses the prompt.
   */
  async *ask(prompt) {
    const turns = this.#turns ?? (await this.#countTurns());
    this.#turns = undefined; // not known if we are left midway, or the prompt is refused
    yield* this.#tell({ prompt, session_id: this.#sessionId }, turns);
    this.#turns = turns + 1;
  }

  /**
   * Tell the session's latest turn, from its beginning to its end.
   *
   * @returns {AsyncGenerator<AgentEvent, void, void>}
   * @throws {AgentError} if the server does not know the session, or not any more.
   */
  async *follow() {
    yield* this.#tell(this.#resumption);
  }

  /** Cancel the turn that is being told. */
  async cancel() {
    if (this.#socket.isOpen) this.#socket.send({ type: "cancel" });
    else await this.#client.cancel(this.#sessionId);
  }

  /** Answer a "question", an "approval" (with true or false) or a "client_tool". */
  async answer(id, value) {
    if (this.#socket.isOpen) this.#socket.send({ type: "answer", id, value });
    else await this.#client.answer(this.#sessionId, id, value);
  }

  /** Close the connection. What is being told ends here; the turn itself goes on. */
  close() {
    this.#closing.abort();
    this.#socket.close();
  }

  get #resumption() {
    return { type: "resume", session_id: this.#sessionId };
  }

  async *#tell(request, turns) {
    if (this.#closing.signal.aborted) throw new AgentError("The connection is closed.");
    let told = 0; // events of this turn
    let message = request;
    for (let failures = 0; !this.#closing.signal.aborted; failures++) {
      if ((await this.#open()) && (message ??= await this.#again(request, told, turns))) {
        for await (const [event, place] of this.#hear(message)) {
          failures = 0;
          // WebSocket messages have no IDs to resume after: a turn is resumed from its beginning.
          if (place !== undefined && place <= told) continue;
          told = place ?? told;
          yield event;
          if (TERMINAL.has(event.type)) return;
        }
      }
      message = undefined;
      await pause(RECONNECTION_TIME, failures, this.#closing.signal, this.#onReconnect);
    }
  }

  /** Each event until the connection is lost, and which of the turn it is, from 1. */
  async *#hear(message) {
    const socket = this.#socket;
    let place = 0;
    let isMidway = true;
    socket.forget();
    socket.send(message);
    try {
      for await (const event of socket.events()) {
        if (event.type !== "error" || event.code !== undefined) {
          isMidway = !TERMINAL.has(event.type);
          yield [event, ++place];
        } else if (place > 0) {
          yield [{ type: "refused", error: event.error }];
        } else {
          isMidway = false;
          throw new AgentError(event.error);
        }
      }
    } finally {
      // Who stops listening midway shall not hear the rest in place of the next turn.
      if (isMidway) socket.close();
    }
  }

  /** What to say on a new connection; undefined: the server cannot be asked now. */
  async #again(request, told, turns) {
    if (told > 0) return this.#resumption;
    // We have heard nothing of the turn that we asked for; it may have begun all the same.
    const turnsNow = await unlessLost(this.#countTurns());
    if (turnsNow === undefined) return undefined;
    return turnsNow > turns ? this.#resumption : request;
  }

  async #countTurns() {
    try {
      const { history } = await this.#client.history(this.#sessionId);
      return history.filter(({ role }) => role === "user").length;
    } catch (error) {
      if (error.status !== 404) throw error;
      return 0;
    }
  }

  async #open() {
    if (!this.#socket?.isOpen) this.#socket = new MessageSocket(this.#url);
    return this.#socket.opened;
  }
}

/** A WebSocket whose messages wait until they are read. */
class MessageSocket {
  /** Whether it is open at last; false if that has failed. */
  opened;
  #socket;
  #waiting = []; // messages, and at last a close event
  #wake = () => {};

  constructor(url) {
    const socket = (this.#socket = new WebSocket(url));
    socket.binaryType = "arraybuffer";
    this.opened = new Promise((resolve) => {
      socket.addEventListener("open", () => resolve(true));
      socket.addEventListener("close", () => resolve(false));
    });
    socket.addEventListener("message", (event) => this.#put(event));
    socket.addEventListener("close", (event) => this.#put(event));
  }

  get isOpen() {
    return this.#socket.readyState === WebSocket.OPEN;
  }

  send(message) {
    this.#socket.send(JSON.stringify(message));
  }

  close() {
    this.#socket.close();
    this.#waiting = [];
    this.#put(new Event("close")); // the server's assent need not be waited for
  }

  /** Forget the messages that nobody has read. */
  forget() {
    if (this.isOpen) this.#waiting = [];
  }

  /** The events that are told, until the connection is over. */
  async *events() {
    let sound; // the "audio" whose binary message comes next
    for (;;) {
      while (this.#waiting.length === 0) await new Promise((resolve) => (this.#wake = resolve));
      const { type, data, code, reason } = this.#waiting.shift();
      if (NEVER_AGAIN.has(code)) throw new AgentError(reason || `The server has closed: ${code}`);
      if (type === "close") return;
      if (typeof data !== "string") {
        yield { ...sound, bytes: new Uint8Array(data) };
        continue;
      }
      const event = spelledOut(JSON.parse(data));
      if (event.type === "audio") sound = event;
      else if (event.type !== "ping" && event.type !== "done") yield event;
    }
  }

  #put(event) {
    this.#waiting.push(event);
    this.#wake();
  }
}

/**
 * The bytes of one event stream to events, wherever they are cut: WHATWG HTML 9.2.6, to the letter.
 * https://html.spec.whatwg.org/multipage/server-sent-events.html#event-stream-interpretation
 *
 * `lastEventId` is what to send when reconnecting, and `reconnectionTime` the last valid `retry`.
 */
export class EventStreamDecoder {
  lastEventId;
  reconnectionTime;
  // The UTF-8 decode algorithm strips one BOM, at the start of the stream. So do we: decoders have
  // been seen to strip a second one, in a later chunk.
  #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  #isAtStart = true;
  #afterCR = false;
  #line = ""; // what has come of the unfinished line
  #data = "";
  #type = "";
  #id;

  /** @param {string} [lastEventId] That of the stream which this one goes on after. */
  constructor(lastEventId = "") {
    this.lastEventId = this.#id = lastEventId;
  }

  /**
   * The events that these bytes complete.
   *
   * @param {Uint8Array} bytes
   * @returns {{type: string, data: string, lastEventId: string}[]}
   */
  feed(bytes) {
    let text = this.#utf8.decode(bytes, { stream: true });
    if (text === "") return [];
    if (this.#isAtStart) text = text.replace(/^\uFEFF/, "");
    this.#isAtStart = false;
    // A CR ends its line at once. An LF that comes next is the rest of that line end.
    if (this.#afterCR && text.startsWith("\n")) text = text.slice(1);
    this.#afterCR = text.endsWith("\r");
    const lines = text.split(/\r\n|\r|\n/);
    lines[0] = this.#line + lines[0];
    this.#line = lines.pop();
    return lines.map((line) => this.#interpret(line)).filter((event) => event !== undefined);
  }

  #interpret(line) {
    if (line === "") return this.#dispatch();
    // "Collect the characters on the line before the first U+003A COLON character (:)". Without
    // one it is "the whole line as the field name, and the empty string as the field value".
    const colon = line.indexOf(":");
    const name = colon < 0 ? line : line.slice(0, colon);
    // "If value starts with a U+0020 SPACE character, remove it from value."
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (name === "event") this.#type = value;
    else if (name === "data") this.#data += `${value}\n`;
    else if (name === "id" && !value.includes("\0")) this.#id = value;
    else if (name === "retry" && /^[0-9]+$/.test(value)) {
      this.reconnectionTime = Math.min(Number(value), Number.MAX_SAFE_INTEGER);
    }
    return undefined; // "The field is ignored": also a comment, whose name is empty
  }

  #dispatch() {
    // "Set the last event ID string of the event source to the value of the last event ID buffer."
    this.lastEventId = this.#id;
    const [type, data] = [this.#type || "message", this.#data];
    this.#type = this.#data = "";
    // "If the data buffer is an empty string, set the data buffer and the event type buffer to
    // the empty string and return."
    if (data === "") return undefined;
    return { type, data: data.slice(0, -1), lastEventId: this.lastEventId };
  }
}

/** The response, or undefined where there is none now and may be one later. */
async function openEventStream(url, lastEventId, signal) {
  const headers = { accept: "text/event-stream" };
  // "the last event ID string, encoded as UTF-8": a header's value is bytes, written as latin-1.
  const id = String.fromCharCode(...new TextEncoder().encode(lastEventId));
  if (lastEventId) headers["last-event-id"] = id;
  const options = { headers, cache: "no-store", signal };
  const response = await unlessLost(fetch(url, options).then(accepted));
  if (!response || response.status === 204) return response;
  // "if res's status is not 200, or if res's `Content-Type` is not `text/event-stream`, then fail
  // the connection"
  const type = response.headers.get("content-type")?.split(";")[0].trim().toLowerCase();
  if (type === "text/event-stream") return response;
  await response.body?.cancel();
  throw new AgentError(`Expected an event stream, not ${type}`, response.status);
}

/** The events of the response, until it ends or is lost. An event that is cut is not one. */
async function* read(response, decoder) {
  const reader = response.body.getReader();
  try {
    for (;;) {
      const chunk = await unlessLost(reader.read());
      if (!chunk || chunk.done) return;
      yield* decoder.feed(chunk.value);
    }
  } finally {
    reader.cancel().catch(() => {}); // it may have failed; nobody reads it any more
  }
}

/** What the promise brings; undefined where the network has failed, which is fetch's TypeError. */
async function unlessLost(promise) {
  try {
    return await promise;
  } catch (error) {
    if (error instanceof TypeError || TRY_AGAIN.has(error.status)) return undefined;
    throw error;
  }
}

async function accepted(response) {
  if (response.ok) return response;
  const told = await response.json().catch(() => ({}));
  throw new AgentError(told.error ?? `HTTP status ${response.status}`, response.status);
}

/**
 * "Wait a delay equal to the reconnection time of the event source. Optionally, wait some more. In
 * particular, if the previous attempt failed, then user agents might introduce an exponential
 * backoff delay".
 */
async function pause(reconnectionTime, failures, signal, onReconnect) {
  const longest = Math.max(reconnectionTime, LONGEST_WAIT);
  const wait = Math.min(reconnectionTime * 2 ** failures, longest, LONGEST_TIMER);
  if (signal?.aborted) return;
  onReconnect?.(wait);
  const { promise, resolve } = Promise.withResolvers();
  const timer = setTimeout(resolve, wait);
  signal?.addEventListener("abort", resolve);
  await promise;
  signal?.removeEventListener("abort", resolve);
  clearTimeout(timer);
}

function spelledOut(message) {
  const entries = Object.entries(message).map(([key, value]) => [SHORT_NAMES[key] ?? key, value]);
  return Object.fromEntries(entries);
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
