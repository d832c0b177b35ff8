// An event as text, for servers that bring no encoder of their own.

import { Refused } from "./contract.mjs";

const LINE_END = /\r\n|\r|\n/;

export function encode(op) {
  const lines = [];
  if ("id" in op) lines.push(`id: ${op.id}`);
  if (op.event) lines.push(`event: ${op.event}`);
  if ("retry" in op) lines.push(`retry: ${op.retry}`);
  if ("data" in op) lines.push(...op.data.split(LINE_END).map((line) => `data: ${line}`));
  if ("comment" in op) lines.push(...op.comment.split(LINE_END).map((line) => `: ${line}`));
  return `${lines.join("\n")}\n\n`;
}

export function refuseWhatCannotBeWritten(op) {
  for (const name of ["data", "event", "id", "comment"])
    if (name in op && (typeof op[name] !== "string" || !op[name].isWellFormed()))
      throw new Refused(`${name} is not Unicode text`);
  for (const name of ["event", "id"])
    if (LINE_END.test(op[name] ?? "")) throw new Refused(`a line end in ${name}`);
  if ((op.id ?? "").includes("\0")) throw new Refused("NUL in id");
}
