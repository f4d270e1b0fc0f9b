import type { Job } from "../../sdk/index.ts";

const MAX_TITLE = 200;
const HEAD = 8;
const TAIL = 6;

/** What a job is called: its name, or what it runs. One line. */
export function titleOf({ name, command, workflow, image, jobId }: Job): string {
  if (name !== undefined) return name;
  if (command !== undefined) return oneLine(typeof command === "string" ? command : command.join(" "));
  return workflow?.path ?? image ?? jobId;
}

/** The first line of a text, if there are more or it is very long. */
export function oneLine(text: string): string {
  const whole = text.trim();
  const [line = ""] = whole.split("\n");
  return line.length < whole.length || line.length > MAX_TITLE ? `${line.slice(0, MAX_TITLE)} …` : line;
}

/** `job_01k2…f8x3ab`: enough to tell ids apart. */
export function shortId(id: string): string {
  return id.length <= HEAD + TAIL + 1 ? id : `${id.slice(0, HEAD)}…${id.slice(-TAIL)}`;
}

/** Why a job waits, or how it ended, in a few words; undefined if its status says it all. */
export function whyOf(job: Job): string | undefined {
  if (job.status === "QUEUED") return waitOf(job);
  if (job.status === "FAILED" || job.status === "TIMEOUT" || job.status === "CANCELLED") return endOf(job);
  return undefined;
}

function waitOf({ hold, unschedulableReason, notBefore, concurrency }: Job): string | undefined {
  if (unschedulableReason !== undefined) return `No node can run it: ${unschedulableReason}`;
  if (hold === "after") return "Waits for other jobs";
  if (hold === "group") return `Waits for its group ${concurrency?.group ?? ""}`.trimEnd();
  if (notBefore !== undefined && Date.parse(notBefore) > Date.now()) return "Starts later";
  return undefined;
}

function endOf({ message, signal, exitCode, array, status }: Job): string | undefined {
  if (message !== undefined) return oneLine(message);
  if (array !== undefined) return status === "FAILED" ? "Not all of its jobs succeeded" : undefined;
  return signal ?? (exitCode === undefined ? undefined : `Exit code ${exitCode}`);
}
