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

/** A machine that is looked at every millisecond; a look that is asked for sees it as it is then. */
function watch(seen: SeenMachine, now: { engine: boolean; asleep?: boolean }) {
  // `misses`: so often the engine is away, at every second question.
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

test("an engine that is started is noticed at once, one that is stopped at the second look, and each once", async () => {
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

test("an engine that is away for one look is not gone", async () => {
  const { stage, more } = watch({ engine: true, brokenGpus: false }, { engine: true });
  stage.misses = 10;
  await waitFor("ten restarts", () => stage.misses === 0);
  await more(3);
  expect(stage.looks).toBe(0);
});

test("what a look does not mend is not looked at all the time", async () => {
  const { stage, more } = watch({ engine: false, brokenGpus: true }, { engine: false });
  await more(50);
  expect(stage.looks).toBe(1);
});

test("while the agent sleeps, GPUs that do not answer are not asked, and the engine in every tenth round", async () => {
  const { stage, more } = watch({ engine: false, brokenGpus: true }, { engine: false, asleep: true });
  await more(5);
  expect(stage.looks).toBe(0);
  expect(stage.rounds).toBeGreaterThanOrEqual(stage.questions * 10);
  stage.now.asleep = false;
  await waitFor("a look", () => stage.looks === 1);
});

test("ends at once though an engine that hangs is being asked", async () => {
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
