// Server-sent events written by hand, with node:http: node node_http.mjs

import { createServer } from "node:http";
import { once } from "node:events";
import * as contract from "./contract.mjs";
import { encode, refuseWhatCannotBeWritten } from "./encode.mjs";

const ABOUT = contract.about("node:http", process.versions.node);
const HEARTBEAT = 15_000;

createServer(async (request, response) => {
  try {
    await answer(request, response);
  } catch (error) {
    if (error instanceof contract.Refused) respond(response, 400, { error: error.message });
    else response.destroy(); // so that what breaks off does not look like an end
  }
}).listen(contract.PORT, "127.0.0.1");

async function answer(request, response) {
  if (!["GET", "HEAD", "POST"].includes(request.method)) {
    response.setHeader("Allow", "GET, HEAD, POST");
    return respond(response, 405, {});
  }
  const isPost = request.method === "POST";
  const other = isPost ? undefined : contract.notAStream(request.url, ABOUT);
  if (other) return respond(response, 200, other);
  const script = contract.read(request.url, isPost ? await contract.bodyOf(request) : undefined);
  script.forEach(refuseWhatCannotBeWritten);
  response.writeHead(200, {
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
  });
  if (request.method === "HEAD") return response.end();
  response.flushHeaders();
  await stream(script, response);
  response.end();
}

async function stream(script, response) {
  const left = new AbortController();
  response.on("close", () => left.abort());
  const heartbeat = setInterval(() => response.write(":\n\n"), HEARTBEAT);
  try {
    for await (const op of contract.operations(script, left.signal)) {
      heartbeat.refresh();
      if (!response.write(encode(op)))
        await once(response, "drain", { signal: left.signal }).catch(() => undefined);
    }
  } finally {
    clearInterval(heartbeat);
  }
}

function respond(response, status, content) {
  response.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" });
  response.end(JSON.stringify(content));
}
