import type { Failure } from "../exit/failure.ts";
import type { Look } from "./look.ts";
import { joinPainted, type Painted, paint } from "./paint.ts";

/** `tanvrit-compute: <command>: <why>. <what to do>` */
export function formatFailure(path: string, failure: Failure, look: Look): Painted {
  const where = ["tanvrit-compute", path].filter(Boolean).join(": ");
  const fields = (failure.errors ?? [])
    // The server may have put the only one into its message.
    .filter((field) => !failure.message.includes(`${field.path}: ${field.message}`))
    .map((field) => `\n  ${field.path}: ${field.message}`)
    .join("");
  const todo = failure.todo ? `${failure.message.includes("\n") ? "\n" : " "}${failure.todo}.` : "";
  const said = paint(` ${sentence(failure.message)}${todo}${fields}`, undefined, look);
  return joinPainted([paint(`${where}:`, "red", look), said], "");
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) || text.includes("\n") ? text : `${text}.`;
}
