import type { Executor } from "../../agent/executors/executor.ts";
import { ShellExecutor } from "../../agent/executors/shell.ts";
import { makeScratch } from "../support/scratch.ts";
import type { ExecutorUnderTest } from "./executor-stage.ts";
import { leaveBehind } from "./leave-behind.ts";

export async function shellUnderTest(): Promise<ExecutorUnderTest> {
  const executor = createExecutor();
  return {
    executor,
    manifest: ({ sh }) => ({ command: sh }),
    successor: createExecutor,
    leaveBehind: ({ sh }, executionIds) =>
      leaveBehind({ factory: import.meta.path, argument: "", manifest: { command: sh }, executionIds }),
    unavailable: withoutShell,
    remains: async () => [],
    traits: { costly: false, namesSignals: true, fields: { accepted: [{}], refused: ["text", 7, null] } },
    [Symbol.asyncDispose]: () => executor.close(),
  };
}

/** Called by its name in the process that leaves something behind, too. */
export function createExecutor(): Executor {
  return new ShellExecutor();
}

/** Bun looks for programs in the PATH of this process. */
async function withoutShell(): Promise<{ executor: Executor } & AsyncDisposable> {
  const empty = await makeScratch();
  const { PATH } = process.env;
  process.env.PATH = empty.path;
  const executor = createExecutor();
  return {
    executor,
    async [Symbol.asyncDispose]() {
      process.env.PATH = PATH;
      await executor.close();
      await empty[Symbol.asyncDispose]();
    },
  };
}
