import { jobEnvironment } from "../../agent/executors/port/job-environment.ts";
import { FakeExecutor } from "../support/agent/fake-executor.ts";
import { type ExecutorUnderTest, playedTask, type Script } from "./executor-stage.ts";

export async function fakeUnderTest(): Promise<ExecutorUnderTest> {
  const fake = new FakeExecutor();
  return {
    executor: fake,
    manifest: ({ play }) => {
      fake.next(play);
      return { command: "played" };
    },
    gone: async (executionId, { onGo }) => {
      const task = fake.tasks.get(executionId);
      for (const saying of onGo?.says ?? []) await task?.say(...saying);
      await task?.finish(onGo?.exit);
    },
    // The fake runs nothing that could print its variables; look at what it was given.
    environmentOf: jobEnvironment,
    successor: () => fake.successor(),
    leaveBehind: (script, executionIds) => startAndForget(fake, script, executionIds),
    unavailable: async () => {
      const lacking = new FakeExecutor();
      lacking.unavailable = "The fake executor is switched off.";
      return { executor: lacking, [Symbol.asyncDispose]: () => lacking.close() };
    },
    remains: async (executionId) => (fake.tasks.get(executionId)?.runs ? ["a played task"] : []),
    traits: { costly: false, namesSignals: true, givesGpus: true },
    [Symbol.asyncDispose]: () => fake.close(),
  };
}

async function startAndForget(
  fake: FakeExecutor,
  { play }: Script,
  executionIds: readonly string[],
): Promise<void> {
  const output = { write: () => undefined, system: () => {} };
  for (const executionId of executionIds) {
    fake.next(play);
    const task = { ...playedTask(executionId, { command: "played" }, "/"), output };
    await fake.start(task, new AbortController().signal);
  }
}
