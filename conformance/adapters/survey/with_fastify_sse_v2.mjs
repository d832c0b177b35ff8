// fastify-sse-v2.

import Fastify from "fastify";
import { FastifySSEPlugin } from "fastify-sse-v2";
import * as contract from "../contract.mjs";

const ABOUT = contract.about("fastify-sse-v2", "4");
const app = Fastify({ bodyLimit: contract.LONGEST });
app.removeAllContentTypeParsers();
app.addContentTypeParser("*", { parseAs: "string" }, (request, body, done) => done(null, body));
await app.register(FastifySSEPlugin, { retryDelay: false });

app.route({ method: ["GET", "POST"], url: "/", handler: emit });

function emit(request, reply) {
  const isPost = request.method === "POST";
  const other = isPost ? undefined : contract.notAStream(request.url, ABOUT);
  if (other) return reply.send(other);
  const script = contract.read(request.url, isPost ? request.body ?? "" : undefined);
  contract.refuseOtherThanText(script);
  const left = new AbortController();
  request.socket.on("close", () => left.abort());
  reply.sse(contract.operations(script, left.signal));
}

app.setErrorHandler((error, request, reply) => {
  reply.code(error instanceof contract.Refused ? 400 : error.statusCode ?? 500);
  reply.send({ error: error.message });
});

await app.listen({ port: contract.PORT, host: "127.0.0.1" });
