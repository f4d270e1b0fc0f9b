import { homedir } from "node:os";
import { join, relative, resolve } from "node:path";
import type { BuiltinCall, StepEnd, StepState } from "../job.ts";

/** What the actions of the engine itself say, and how they read their inputs. */

export function say({ step }: BuiltinCall, text: string): void {
  for (const line of text.split("\n")) step.job.services.report.line(line, step.number);
}

export function warn({ step }: BuiltinCall, message: string): void {
  step.job.services.report.annotate({ level: "warning", message, step: step.number });
}

export function fail({ step }: BuiltinCall, message: string): StepEnd {
  step.job.services.report.annotate({ level: "failure", message, step: step.number });
  return { outcome: "failure", exitCode: 1 };
}

export function succeed(): StepEnd {
  return { outcome: "success" };
}

/** YAML's core schema, as GitHub reads an input that is true or false. */
export function isTrue(text: string | undefined): boolean {
  return /^(true|True|TRUE)$/.test(text ?? "");
}

export function linesOf(text: string | undefined): string[] {
  return (text ?? "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "");
}

/** Patterns whose absolute paths are those of this machine, where a step in a container may have named its own. */
export function hostPatterns(step: StepState, patterns: string): string {
  const { workspace } = step.job.plan.directories;
  const guest = step.job.host.guestPath(workspace);
  if (guest === workspace) return patterns;
  return linesOf(patterns)
    .map((line) => {
      const [, not = "", path = ""] = /^(!*)(.*)$/.exec(line) ?? [];
      return path.startsWith(guest) ? `${not}${join(workspace, relative(guest, path))}` : line;
    })
    .join("\n");
}

/** A path that a step gives, on this machine: below the workspace unless it is absolute. */
export function hostPath(step: StepState, path: string): string {
  const { workspace } = step.job.plan.directories;
  const [own = ""] = hostPatterns(step, path).split("\n");
  return resolve(workspace, own.replace(/^~(?=\/|$)/, homedir()));
}
