// better-sse, which writes data as JSON: npm install better-sse; node with_better_sse.mjs

import { createServer } from "node:http";
import { createSession } from "better-sse";
import * as contract from "./contract.mjs";

const ABOUT = contract.about("better-sse", "0.16", { data: "json" });

createServer(async (request, response) => {
  try {
    await answer(request, response);
  } catch (error) {
    if (response.headersSent) return response.destroy(); // what breaks off is no end
    respond(response, error instanceof contract.Refused ? 400 : 500, { error: error.message });
  }
}).listen(contract.PORT, "127.0.0.1");

async function answer(request, response) {
  const isPost = request.method === "POST";
  if (!isPost && request.method !== "GET") {
    response.setHeader("Allow", "GET, POST");
    return respond(response, 405, {});
  }
  const other = isPost ? undefined : contract.notAStream(request.url, ABOUT);
  if (other) return respond(response, 200, other);
  const script = contract.read(request.url, isPost ? await contract.bodyOf(request) : undefined);
  const session = await createSession(request, response, { retry: null });
  const left = new AbortController();
  session.on("disconnected", () => left.abort());
  for await (const op of contract.operations(script, left.signal)) {
    if ("comment" in op || "retry" in op || !("id" in op))
      await session.batch((buffer) => fill(buffer, op));
    else session.push(op.data, op.event, op.id);
  }
  response.end();
}

function fill(buffer, op) {
  if ("comment" in op) buffer.comment(op.comment);
  if ("event" in op) buffer.event(op.event);
  if ("id" in op) buffer.id(op.id);
  if ("retry" in op) buffer.retry(op.retry);
  if ("data" in op) buffer.data(op.data);
  buffer.dispatch();
}

function respond(response, status, content) {
  response.writeHead(status, { "Content-Type": "application/json" });
  response.end(JSON.stringify(content));
}
