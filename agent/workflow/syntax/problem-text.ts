import type { SyntaxProblem } from "./model.ts";

/** What is wrong and what to do about it, in one line. */
export function problemText({ message, hint }: Pick<SyntaxProblem, "message" | "hint">): string {
  return hint === "" ? message : `${message.replace(/\.$/, "")}. ${hint}`;
}
