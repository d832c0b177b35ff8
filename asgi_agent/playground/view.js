/**
 * What the agent says, as elements of the page. Every word of it is put in as text.
 *
 * @module
 */

/** One message of the conversation: of the "user", of the "assistant", or an "error" of ours. */
export function message(role, content) {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  switch (role) {
    case "user":
      return make("div", { className: "user" }, speaker("You"), make("p", {}, text));
    case "error":
      return make("p", { className: "error", role: "alert" }, text);
    default:
      return make("div", { className: "agent" }, speaker("Agent"), paragraph("text", text));
  }
}

/** The answer of one turn, which grows with each event. */
export class Answer {
  element = make("div", { className: "agent", ariaBusy: "true" }, speaker("Agent"));
  status = "";
  #reply;
  #open; // the text that grows, and of which type it is
  #hasText = false;
  #tools = new Map(); // by ID
  #requests = new Map(); // what wants an answer, by ID

  /** @param {(id: string, value: unknown) => Promise<void>} reply Answers a question. */
  constructor(reply) {
    this.#reply = reply;
  }

  get isEmpty() {
    return this.element.childElementCount === 1;
  }

  /** Whether this event wants an answer. */
  isRequest({ type }) {
    return type === "question" || type === "approval" || type === "client_tool";
  }

  /** Show one event. */
  show(event) {
    const { type } = event;
    if (type === "text" || type === "thinking") return this.#write(type, event.content);
    if (type === "status") return this.#say(event.content);
    this.#open = undefined;
    if (this.isRequest(event)) return this.#ask(event);
    switch (type) {
      case "block_start":
      case "block_end":
        return undefined;
      case "tool_delta":
      case "tool_exec":
      case "tool_result":
        return this.#tool(event);
      case "complete":
        return this.#complete(event);
      case "cancelled":
        this.#note(event.reason ? `Cancelled: ${event.reason}` : "Cancelled");
        return this.#say("Cancelled.");
      case "error":
      case "refused":
        return this.fail(event.error);
      case "data":
        return this.#data(event);
      case "audio":
        return this.#note(`Sound: ${event.media_type}, ${event.bytes.length} bytes`);
      default:
        return this.#note(`${type}: ${written(event)}`);
    }
  }

  /** Tell that the turn, or our listening to it, has failed. */
  fail(error) {
    this.element.append(message("error", error));
    this.#say("Failed.");
  }

  /** Nothing more will come. */
  end() {
    if (this.isEmpty) this.element.remove();
    this.element.ariaBusy = "false"; // now it is read out
    for (const id of this.#requests.keys()) this.close(id, "Not answered.");
    for (const { state, isOver } of this.#tools.values()) {
      if (!isOver) state.textContent = "stopped";
    }
  }

  /** What wanted an answer wants it no longer. */
  close(id, reason) {
    const form = this.#requests.get(id);
    this.#requests.delete(id);
    form?.replaceWith(make("p", { className: "note" }, reason));
  }

  #say(status) {
    this.status = status;
  }

  #write(type, content) {
    if (this.#open?.type !== type) {
      const text = document.createTextNode("");
      this.#open = { type, text };
      const label = type === "thinking" ? [hidden("Thinking: ")] : [];
      this.element.append(make("p", { className: type }, ...label, text));
    }
    this.#open.text.appendData(content);
    this.#hasText ||= type === "text";
    this.#say(type === "text" ? "Answering." : "Thinking.");
  }

  #tool(event) {
    let tool = this.#tools.get(event.id);
    if (!tool || (tool.isOver && event.type !== "tool_result")) tool = this.#newTool(event);
    switch (event.type) {
      case "tool_delta":
        tool.args.append(event.args);
        return this.#say(`Calling ${tool.name}.`);
      case "tool_exec":
        tool.args.textContent = written(event.args);
        tool.state.textContent = "running";
        return this.#say(`Running ${tool.name}.`);
      default:
        tool.isOver = true;
        tool.state.textContent = event.is_error ? "failed" : "done";
        tool.state.classList.toggle("failed", Boolean(event.is_error));
        tool.list.append(...row(event.is_error ? "Error" : "Result", written(event.result)));
        return this.#say(`${tool.name} has answered.`);
    }
  }

  #newTool({ id, name }) {
    const state = make("span", { className: "state" }, "called");
    const [term, description] = row("Arguments", "");
    const list = make("dl", {}, term, description);
    const title = make("h3", {}, state, hidden("Tool: "), name);
    this.element.append(make("section", { className: "tool" }, title, list));
    const tool = { name, state, list, args: description.firstChild, isOver: false };
    this.#tools.set(id, tool);
    return tool;
  }

  #ask(event) {
    const isApproval = event.type === "approval";
    const said = { question: event.prompt, approval: event.message }[event.type];
    const title = said || (isApproval ? "May this tool run?" : "Please run this tool.");
    const form = isApproval ? approvalForm() : answerForm(event.schema, title);
    form.addEventListener("submit", async (submitted) => {
      submitted.preventDefault();
      const value = isApproval ? submitted.submitter.value === "yes" : valueOf(form, event.schema);
      form.inert = true;
      try {
        await this.#reply(event.id, value);
        const told = isApproval ? submitted.submitter.textContent : written(value);
        this.close(event.id, `You answered: ${told}`);
      } catch (error) {
        this.close(event.id, error.message);
      }
      prompt().focus();
    });
    const call = event.name ? [make("dl", {}, ...row(event.name, written(event.args)))] : [];
    const request = make("section", { className: "request" }, make("h3", {}, title), ...call, form);
    request.tabIndex = -1;
    this.element.append(request);
    this.#requests.set(event.id, form);
    this.#say("The agent waits for your answer.");
    // Who types goes on typing; and no key that is pressed just now shall approve of anything.
    const isIdle = document.activeElement.closest("#log, #examples") || !prompt().value;
    if (isIdle) (form.querySelector("input, select") ?? request).focus();
  }

  #complete({ data, usage }) {
    if (!this.#hasText && data) this.element.append(paragraph("text", written(data)));
    if (usage) this.#note(`Usage: ${JSON.stringify(usage)}`);
    this.#say("Done.");
  }

  #data({ name, value, transient }) {
    if (name === "gap") this.#note("What came before this is kept no longer.");
    else if (!transient) this.element.append(make("dl", {}, ...row(name, written(value))));
  }

  #note(text) {
    this.element.append(make("p", { className: "note" }, text));
  }
}

function approvalForm() {
  return make(
    "form",
    {},
    make("button", { value: "yes" }, "Approve"),
    make("button", { value: "no" }, "Deny"),
  );
}

/** A form for a value of this JSON Schema, as far as we know it; else for text, or JSON. */
function answerForm(schema, title) {
  const props = { name: "value", ariaLabel: title, required: true };
  let field;
  if (schema?.enum) {
    const option = (each, index) => make("option", { value: index }, written(each));
    field = make("select", props, ...schema.enum.map(option));
  } else if (schema?.type === "boolean") {
    field = make("input", { ...props, type: "checkbox", required: false });
  } else if (schema?.type === "number" || schema?.type === "integer") {
    field = make("input", { ...props, type: "number", step: "any" });
  } else {
    field = make("input", { ...props, autocomplete: "off" });
  }
  return make("form", {}, field, make("button", {}, "Answer"));
}

function valueOf(form, schema) {
  const { value, checked } = form.elements.value;
  if (schema?.enum) return schema.enum[Number(value)];
  if (schema?.type === "boolean") return checked;
  if (schema?.type === "number" || schema?.type === "integer") return Number(value);
  if (schema?.type === "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

/** A value for people: text as it is, all else as JSON, on one line if it fits. */
function written(value) {
  if (typeof value === "string") return value;
  const line = JSON.stringify(value) ?? "";
  return line.length <= 60 ? line : JSON.stringify(value, null, 2);
}

function prompt() {
  return document.querySelector("#prompt");
}

function row(term, text) {
  return [make("dt", {}, term), make("dd", {}, make("pre", {}, text))];
}

function paragraph(className, text) {
  return make("p", { className }, text);
}

function speaker(who) {
  return make("h2", { className: "visually-hidden" }, who);
}

function hidden(text) {
  return make("span", { className: "visually-hidden" }, text);
}

function make(tag, properties, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}
