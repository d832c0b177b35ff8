// Express, which has no server-sent events of its own: npm install express; node with_express.mjs

import { once } from "node:events";
import express from "express";
import * as contract from "./contract.mjs";
import { encode, refuseWhatCannotBeWritten } from "./encode.mjs";

const ABOUT = contract.about("express", "5");
const app = express();
app.use(express.text({ type: () => true, limit: contract.LONGEST }));

app.route("/").get(emit).post(emit);

async function emit(request, response) {
  const isPost = request.method === "POST";
  const other = isPost ? undefined : contract.notAStream(request.url, ABOUT);
  if (other) return response.json(other);
  const script = contract.read(request.url, isPost ? request.body || "" : undefined);
  script.forEach(refuseWhatCannotBeWritten);
  response.set({
    "Content-Type": "text/event-stream",
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
  });
  if (request.method === "HEAD") return response.end();
  response.flushHeaders();
  const left = new AbortController();
  response.on("close", () => left.abort());
  const heartbeat = setInterval(() => response.write(":\n\n"), 15_000);
  try {
    for await (const op of contract.operations(script, left.signal)) {
      heartbeat.refresh();
      if (!response.write(encode(op)))
        await once(response, "drain", { signal: left.signal }).catch(() => undefined);
    }
    response.end();
  } finally {
    clearInterval(heartbeat);
  }
}

app.use((error, request, response, next) => {
  if (response.headersSent) return response.destroy(); // what breaks off is no end
  response.status(error.status ?? (error instanceof contract.Refused ? 400 : 500));
  response.json({ error: error.message });
});

app.listen(contract.PORT, "127.0.0.1");
