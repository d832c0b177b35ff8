// @fastify/sse, told to take text as it is.

import Fastify from "fastify";
import sse from "@fastify/sse";
import * as contract from "../contract.mjs";

const ABOUT = contract.about("@fastify/sse", "0", { without: ["comment"] });
const app = Fastify({ bodyLimit: contract.LONGEST });
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "string" }, (request, body, done) => done(null, body));
app.addHook("onRequest", async (request, reply) => {
  const other = request.method === "POST" ? undefined : contract.notAStream(request.url, ABOUT);
  if (other) return reply.send(other);
});
await app.register(sse, { serializer: (data) => data });

app.route({ method: ["GET", "POST"], url: "/", sse: "only", handler: emit });

async function emit(request, reply) {
  const isPost = request.method === "POST";
  const script = contract.read(request.url, isPost ? request.body ?? "" : undefined);
  const left = new AbortController();
  reply.sse.onClose(() => left.abort());
  for await (const op of contract.operations(script, left.signal))
    if ("data" in op) await reply.sse.send(op);
}

app.setErrorHandler((error, request, reply) => {
  reply.code(error instanceof contract.Refused ? 400 : error.statusCode ?? 500);
  reply.send({ error: error.message });
});

await app.listen({ port: contract.PORT, host: "127.0.0.1" });
