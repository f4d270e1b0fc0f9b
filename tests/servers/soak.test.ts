import { expect, setDefaultTimeout, test } from "bun:test";
import { runSeeds } from "../soak/seeds.ts";
import { soak } from "../soak/soak.ts";

setDefaultTimeout(240_000);

const SEED_ON_THREE_SERVERS = 16;

test("servers are killed, the primary of the store steps down, the bus restarts: every job has one result, and none is lost", async () => {
  const report = await soak(
    {
      servers: 3,
      jobs: 1_000,
      agents: 8,
      killEveryMs: 1_500,
      stepDownEvery: 2,
      restartBusEvery: 3,
      atLeast: { kills: 3, stepDowns: 1, busRestarts: 1 },
      doneTimeoutMs: 120_000,
    },
    () => undefined,
  );
  expect(report.faults).toEqual([]);
  expect(report.succeeded).toBe(report.jobs);
  expect(report.jobs).toBeGreaterThanOrEqual(1_000);
});

test("retries, cancels, arrays, cut connections and agents that give way to others: the agenda of a seed breaks no rule", async () => {
  const report = await runSeeds({ first: SEED_ON_THREE_SERVERS, count: 1 }, () => undefined);
  expect(report.faults).toEqual({});
  expect(report.executions).toBeGreaterThan(0);
});
