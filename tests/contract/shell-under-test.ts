import type { Executor } from "../../agent/executors/port/executor.ts";
import { ShellExecutor } from "../../agent/executors/shell/shell-executor.ts";
import { SamplingEnforcer } from "../../agent/limits/sampling-enforcer.ts";
import { makeScratch } from "../support/scratch.ts";
import type { ExecutorUnderTest } from "./executor-stage.ts";
import { leaveBehind } from "./leave-behind.ts";

/** What enforces the limits of jobs: the best mechanism of this machine, or the one that works everywhere. */
type Keeping = "best" | "sampling";

export async function shellUnderTest(keeping: Keeping): Promise<ExecutorUnderTest> {
  const executor = createExecutor(keeping);
  return {
    executor,
    manifest: ({ sh }) => ({ command: sh }),
    successor: () => createExecutor(keeping),
    leaveBehind: ({ sh }, executionIds) =>
      leaveBehind({ factory: import.meta.path, argument: keeping, manifest: { command: sh }, executionIds }),
    unavailable: withoutShell,
    remains: async () => [],
    traits: { costly: false, namesSignals: true, givesGpus: true },
    [Symbol.asyncDispose]: () => executor.close(),
  };
}

/** Also called by name in the process that leaves executions behind. */
export function createExecutor(keeping: Keeping): Executor {
  return keeping === "best" ? new ShellExecutor() : new ShellExecutor(async () => new SamplingEnforcer());
}

/** Bun looks up programs in the PATH of this process. */
async function withoutShell(): Promise<{ executor: Executor } & AsyncDisposable> {
  const empty = await makeScratch();
  const { PATH } = process.env;
  process.env.PATH = empty.path;
  const executor = createExecutor("best");
  return {
    executor,
    async [Symbol.asyncDispose]() {
      process.env.PATH = PATH;
      await executor.close();
      await empty[Symbol.asyncDispose]();
    },
  };
}
