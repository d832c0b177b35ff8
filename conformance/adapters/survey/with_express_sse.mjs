// express-sse, one instance for each stream; it writes data as JSON, and answers GET.

import express from "express";
import SSE from "express-sse";
import * as contract from "../contract.mjs";

const ABOUT = contract.about("express-sse", "1", { data: "json", without: ["comment", "retry"] });
const app = express();

app.get("/", emit);

async function emit(request, response) {
  const other = contract.notAStream(request.url, ABOUT);
  if (other) return response.json(other);
  const script = contract.read(request.url);
  const sse = new SSE();
  sse.init(request, response);
  const left = new AbortController();
  response.on("close", () => left.abort());
  for await (const op of contract.operations(script, left.signal))
    if ("data" in op) sse.send(op.data, op.event, op.id);
  response.end();
}

app.use((error, request, response, next) => {
  if (response.headersSent) return response.destroy();
  response.status(error.status ?? (error instanceof contract.Refused ? 400 : 500));
  response.json({ error: error.message });
});

app.listen(contract.PORT, "127.0.0.1");
