// Hono's streamSSE: npm install hono @hono/node-server; node with_hono.mjs

import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { streamSSE } from "hono/streaming";
import * as contract from "./contract.mjs";

const ABOUT = contract.about("hono", "4", { without: ["comment"] });
const app = new Hono();

app.on(["GET", "POST"], "/", async (context) => {
  const isPost = context.req.method === "POST";
  const other = isPost ? undefined : contract.notAStream(context.req.url, ABOUT);
  if (other) return context.json(other);
  const script = contract.read(context.req.url, isPost ? await context.req.text() : undefined);
  contract.refuseOtherThanText(script);
  return streamSSE(context, async (stream) => {
    const left = new AbortController();
    stream.onAbort(() => left.abort());
    for await (const op of contract.operations(script, left.signal))
      if ("data" in op) await stream.writeSSE(op);
  });
});

app.onError((error, context) =>
  context.json({ error: error.message }, error instanceof contract.Refused ? 400 : 500),
);

serve({ fetch: app.fetch, port: contract.PORT, hostname: "127.0.0.1" });
