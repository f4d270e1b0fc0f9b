import type { Executor, RunningTask } from "../../../agent/executors/port/executor.ts";
import type { TaskLimits } from "../../../agent/limits/limits.ts";
import { allowedEnvironment } from "../../../agent/process/environment.ts";
import { newId } from "../../../shared/ids.ts";
import type { JobManifestInput } from "../../../shared/manifest.ts";
import { pause } from "../../../shared/wait.ts";
import { assignmentOf } from "./assignment.ts";

/** A shell starts slowly while storms of processes run. */
const SAID_LIMIT_MS = 90_000;

/** A job that a test has started, and its output so far. */
export interface StartedJob {
  task: RunningTask;
  executionId: string;
  stdout(): string;
  stderr(): string;
  system: string[];
  /** Resolves once standard output contains this. */
  said(text: string): Promise<void>;
}

/** Starts a command with an executor, in `dir`. */
export async function startJob(
  executor: Executor,
  dir: string,
  manifest: JobManifestInput,
  limits: TaskLimits = {},
): Promise<StartedJob> {
  const executionId = newId("exe");
  const text = { stdout: "", stderr: "" };
  const system: string[] = [];
  const task = await executor.start(
    {
      nodeId: newId("node"),
      limits,
      gpus: [],
      environment: allowedEnvironment(process.env),
      dir,
      assignment: assignmentOf(manifest, executionId),
      output: {
        write(stream, bytes) {
          text[stream] += Buffer.from(bytes).toString();
          return undefined;
        },
        system: (line) => system.push(line),
      },
    },
    new AbortController().signal,
  );
  const said = (wanted: string) =>
    until(`the job prints ${wanted}`, () => text.stdout.includes(wanted), SAID_LIMIT_MS);
  return { task, executionId, system, said, stdout: () => text.stdout, stderr: () => text.stderr };
}

/** Resolves when a condition holds that has no event; fails after `limitMs`. */
export async function until(what: string, holds: () => boolean, limitMs = 10_000): Promise<void> {
  const deadlineMs = performance.now() + limitMs;
  while (!holds()) {
    if (performance.now() > deadlineMs) throw new Error(`waited ${limitMs} ms in vain until ${what}`);
    await pause(5);
  }
}
