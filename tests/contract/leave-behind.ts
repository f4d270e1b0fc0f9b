/**
 * A process that starts executions and is killed before they end, like an agent in a crash:
 *
 *     bun tests/contract/leave-behind.ts '{"factory": "…", "argument": "…", "manifest": {…}, "executionIds": […]}'
 */
import { mkdir } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import type { Executor } from "../../agent/executors/port/executor.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor, within } from "../support/wait.ts";
import { playedTask } from "./executor-stage.ts";

const START_LIMIT_MS = 60_000;
const STAYS_MS = 600_000;

export interface LeftBehind {
  /** The path of a module whose `createExecutor(argument)` returns the executor. */
  factory: string;
  argument: string;
  /** It prints `ready` when it runs as it should. */
  manifest: JobManifestInput;
  executionIds: readonly string[];
  /** When the process is killed, counted from the first start. If absent, it is killed when all of them run. */
  killAfterMs?: number;
}

/** Resolves when the process that started them is dead. */
export async function leaveBehind(left: LeftBehind): Promise<void> {
  const program = Bun.spawn([process.execPath, import.meta.path, JSON.stringify(left)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
  try {
    const reader = program.stdout.getReader();
    const { value } = await within(
      START_LIMIT_MS,
      "the executions that will be left behind to start",
      reader.read(),
    );
    if (!value) throw new Error(`nothing was left behind: the process exited with ${await program.exited}`);
    await Bun.sleep(left.killAfterMs ?? 0);
  } finally {
    program.kill("SIGKILL");
    await program.exited;
  }
}

async function main({ factory, argument, manifest, executionIds, killAfterMs }: LeftBehind): Promise<void> {
  const module: { createExecutor(argument: string): Executor } = await import(pathToFileURL(factory).href);
  const executor = module.createExecutor(argument);
  await executor.probe();
  // After a crash nobody cleans up. The directory still belongs to the job.
  const scratch = await makeScratch();
  let ready = 0;
  const output = {
    write: (_: string, bytes: Uint8Array): undefined => {
      if (Buffer.from(bytes).includes("ready")) ready++;
    },
    system: () => {},
  };
  if (killAfterMs !== undefined) console.log("starting");
  const starts = executionIds.map(async (executionId) => {
    const dir = scratch.join(executionId);
    await mkdir(dir);
    await executor.start({ ...playedTask(executionId, manifest, dir), output }, new AbortController().signal);
  });
  await Promise.all(starts);
  await waitFor("all executions to run", () => ready === executionIds.length, { timeoutMs: START_LIMIT_MS });
  if (killAfterMs === undefined) console.log("running");
  await Bun.sleep(STAYS_MS);
}

if (import.meta.main) await main(JSON.parse(process.argv[2] ?? "{}"));
