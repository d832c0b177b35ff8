// The emit contract, for adapters in JavaScript: which script was asked for, and how it goes.
// Nothing is imported but Node's own modules, so this file can be copied beside yours.

import { setTimeout as sleep } from "node:timers/promises";

if (process.env.CONFORMANCE_EMIT !== "1") {
  console.error("This program sends whatever it is told to: set CONFORMANCE_EMIT=1 to run it.");
  process.exit(1);
}

export const PORT = Number(process.env.PORT ?? 8000);
export const LONGEST = 1 << 24; // bytes of a script
export const counts = { open: 0, runs: 0 };
const CAPABILITIES = ["comment", "retry", "sleep", "raise", "flood", "stats"];

// What was asked for is answered with status 400, before the stream begins.
export class Refused extends Error {}

// What a GET without a script is answered with. `data` is "json" if the library encodes it.
export function about(name, version, { data = "text", without = [] } = {}) {
  const capabilities = CAPABILITIES.filter((each) => !without.includes(each));
  return { conformance: 1, name, version, data, capabilities };
}

// The answer to a request for no stream; undefined if it is one.
export function notAStream(url, described) {
  const query = new URL(url, "http://localhost").searchParams;
  if (query.has("script")) return undefined;
  return query.has("stats") ? counts : described;
}

// The operations of the script in the body, or in the URL.
export function read(url, body) {
  const query = new URL(url, "http://localhost").searchParams;
  try {
    const text = body ?? Buffer.from(query.get("script"), "base64url").toString();
    const { events } = JSON.parse(text);
    if (!Array.isArray(events) || events.some((op) => typeof op !== "object" || op === null))
      throw new TypeError("not a list of objects");
    return events;
  } catch (error) {
    throw new Refused(`no script: ${error.message.slice(0, 100)}`);
  }
}

// For libraries whose types say that data is text: anything else is not theirs to write.
export function refuseOtherThanText(script) {
  for (const op of script)
    if ("data" in op && typeof op.data !== "string") throw new Refused("data is not text");
}

// The whole body of a request of node:http.
export async function bodyOf(request) {
  let size = 0;
  const parts = [];
  for await (const part of request) if ((size += part.length) <= LONGEST) parts.push(part);
  return Buffer.concat(parts).toString();
}

// The events and comments of the script, each when it is due, until the signal is aborted.
export async function* operations(script, signal) {
  counts.runs += 1;
  counts.open += 1;
  try {
    for (const op of script) {
      if (signal?.aborted) return;
      if ("raise" in op) throw new Error("the script said so");
      if ("sleep" in op) await sleep(op.sleep, undefined, { signal }).catch(() => undefined);
      else if ("flood" in op) yield* flood(op.flood, signal);
      else yield op;
    }
  } finally {
    counts.open -= 1;
  }
}

function* flood({ n, size }, signal) {
  const began = performance.now();
  for (let number = 0; number < n && !signal?.aborted; number += 1) {
    const stamp = `${number} ${Math.round(performance.now() - began)} `;
    yield { data: stamp.padEnd(size, "x") };
  }
}
