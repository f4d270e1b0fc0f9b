import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { z } from "zod";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { isId } from "../../shared/id-schema.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { pause } from "../../shared/wait.ts";
import { namesIn } from "../state/names-in.ts";
import { removeJobDirectory } from "./job-directory.ts";

/** How long the directory of a workflow that failed stays, if its submitter wants to look at it. */
const KEPT_MS = 24 * 60 * 60_000;
const LOOK_EVERY_MS = 10 * 60_000;

const note = z.object({ untilMs: z.number() });

/** Notes about the directories that stay, by execution, next to the directory in which executions have theirs. */
function notesOf(workRoot: string): string {
  return join(dirname(workRoot), "kept");
}

/** From now on the directory of the execution stays for a day. Returns until when, in epoch milliseconds. */
export function keepDirectory(workRoot: string, execution: string, nowMs = Date.now()): number {
  const notes = notesOf(workRoot);
  mkdirSync(notes, { recursive: true, mode: 0o700 });
  const untilMs = nowMs + KEPT_MS;
  writeFileAtomic(join(notes, execution), JSON.stringify({ untilMs }));
  return untilMs;
}

export function isKept(workRoot: string, execution: string): boolean {
  return existsSync(join(notesOf(workRoot), execution));
}

/** The executions whose directories stay. */
export function keptIn(workRoot: string): string[] {
  return namesIn(notesOf(workRoot)).filter((name) => isId("exe", name));
}

/** Removes directories whose day is over, from time to time, until the signal fires. */
export async function removeKeptInTime(
  workRoots: () => readonly string[],
  log: Logger,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    for (const workRoot of workRoots()) await removeOld(workRoot, log);
    await pause(LOOK_EVERY_MS, signal);
  }
}

export async function removeOld(workRoot: string, log: Logger, nowMs = Date.now()): Promise<void> {
  for (const execution of keptIn(workRoot)) {
    if (untilOf(workRoot, execution) > nowMs) continue;
    try {
      await removeJobDirectory(workRoot, execution);
      rmSync(join(notesOf(workRoot), execution), { force: true });
    } catch (error) {
      log.warn(`Cannot remove the directory that was kept for ${execution}: ${textOf(error)}`);
    }
  }
}

/** A note that cannot be read keeps nothing. */
function untilOf(workRoot: string, execution: string): number {
  try {
    return note.parse(JSON.parse(readFileSync(join(notesOf(workRoot), execution), "utf8"))).untilMs;
  } catch {
    return 0;
  }
}
