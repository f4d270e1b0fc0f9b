import { afterEach, beforeEach, expect, test } from "bun:test";
import { pause } from "../../shared/wait.ts";
import { waitFor, within } from "../../tests/support/wait.ts";
import type { SeenMachine } from "../profile/profile.ts";
import { MachineWatch } from "./machine-watch.ts";

let over: AbortController;
beforeEach(() => {
  over = new AbortController();
});
afterEach(() => over.abort());

/** A watch that looks every millisecond. `lookAgain` finds the machine in its state at that moment. */
function watch(seen: SeenMachine, now: { engine: boolean; asleep?: boolean }) {
  // `misses`: how many more times the engine does not answer, at every second question.
  const stage = { seen, now, rounds: 0, questions: 0, looks: 0, misses: 0 };
  const parts = {
    seen: () => {
      stage.rounds++;
      return stage.seen;
    },
    engineAnswers: async () => {
      stage.questions++;
      if (stage.misses === 0 || stage.questions % 2 === 0) return stage.now.engine;
      stage.misses--;
      return false;
    },
    isAsleep: () => stage.now.asleep ?? false,
    lookAgain: () => {
      stage.looks++;
      stage.seen = { ...stage.seen, engine: stage.now.engine };
    },
    everyMs: 1,
  };
  void new MachineWatch(parts).run(over.signal);
  const more = async (count: number) => {
    const until = stage.questions + count;
    await waitFor("more looks", () => stage.questions >= until);
  };
  return { stage, more };
}

test("an engine that starts is noticed immediately, an engine that stops at the second look, and each once", async () => {
  const { stage, more } = watch({ engine: false, brokenGpus: false }, { engine: false });
  await more(5);
  expect(stage.looks).toBe(0);
  stage.now.engine = true;
  await waitFor("the engine to be seen", () => stage.seen.engine);
  await more(5);
  expect(stage.looks).toBe(1);
  const before = stage.questions;
  stage.now.engine = false;
  await waitFor("the engine to be missed", () => !stage.seen.engine);
  expect(stage.questions - before).toBeGreaterThanOrEqual(2);
  await more(5);
  expect(stage.looks).toBe(2);
});

test("an engine that does not answer one look does not count as stopped", async () => {
  const { stage, more } = watch({ engine: true, brokenGpus: false }, { engine: true });
  stage.misses = 10;
  await waitFor("ten restarts", () => stage.misses === 0);
  await more(3);
  expect(stage.looks).toBe(0);
});

test("GPUs that stay broken are not looked at all the time", async () => {
  const { stage, more } = watch({ engine: false, brokenGpus: true }, { engine: false });
  await more(50);
  expect(stage.looks).toBe(1);
});

test("while the agent sleeps, broken GPUs are not asked, and the engine only in every tenth round", async () => {
  const { stage, more } = watch({ engine: false, brokenGpus: true }, { engine: false, asleep: true });
  await more(5);
  expect(stage.looks).toBe(0);
  expect(stage.rounds).toBeGreaterThanOrEqual(stage.questions * 10);
  stage.now.asleep = false;
  await waitFor("a look", () => stage.looks === 1);
});

test("ends immediately, even while it waits for an engine that hangs", async () => {
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  const parts = {
    seen: () => ({ engine: true, brokenGpus: false }),
    engineAnswers: async (signal: AbortSignal) => {
      ask();
      await pause(60_000, signal);
      return false;
    },
    isAsleep: () => false,
    lookAgain: () => expect.unreachable(),
    everyMs: 1,
  };
  const run = new MachineWatch(parts).run(over.signal);
  await asked;
  over.abort();
  await within(4_000, "the end", run);
});
