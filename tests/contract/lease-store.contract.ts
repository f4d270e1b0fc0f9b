import { describe, expect, test } from "bun:test";
import type { LeaseStore } from "../../server/tasks/lease-store.ts";
import { type PeriodicTask, TaskRunner } from "../../server/tasks/periodic.ts";
import { waitFor } from "../support/wait.ts";

export interface OpenedLeases extends AsyncDisposable {
  leases: LeaseStore;
}

/** What every lease store promises. */
export function leaseStoreContract(name: string, open: () => Promise<OpenedLeases>): void {
  describe(`leases on ${name}`, () => {
    test("of any number of concurrent requests one gets the lease, and the others learn until when it is held", async () => {
      await using opened = await open();
      const asked = await Promise.all(
        Array.from({ length: 50 }, (_, i) =>
          opened.leases.acquire({ task: "t", holder: `h${i}`, nowMs: 1_000, untilMs: 2_000 }),
        ),
      );
      expect(asked.filter((lease) => lease.held)).toHaveLength(1);
      expect(new Set(asked.map((lease) => lease.untilMs))).toEqual(new Set([2_000]));
    });

    test("the holder can extend or shorten it; others get it when it has expired or was released", async () => {
      await using opened = await open();
      const ask = (holder: string, nowMs: number, untilMs: number) =>
        opened.leases.acquire({ task: "t", holder, nowMs, untilMs });
      expect(await ask("a", 1_000, 2_000)).toEqual({ held: true, untilMs: 2_000 });
      expect(await ask("a", 1_500, 5_000)).toEqual({ held: true, untilMs: 5_000 });
      expect(await ask("b", 3_000, 9_000)).toEqual({ held: false, untilMs: 5_000 });
      expect(await ask("a", 3_000, 4_000)).toEqual({ held: true, untilMs: 4_000 });
      expect(await ask("b", 4_000, 9_000)).toEqual({ held: true, untilMs: 9_000 });
      expect(await ask("a", 4_500, 9_500)).toEqual({ held: false, untilMs: 9_000 });
      expect((await ask("b", 5_000, 5_000)).held).toBe(false);
      expect(await ask("a", 5_000, 9_500)).toEqual({ held: true, untilMs: 9_500 });
    });

    test("a lease that was taken under a clock that was ahead blocks nobody after the clock is corrected", async () => {
      await using opened = await open();
      const ask = (holder: string, nowMs: number, untilMs: number) =>
        opened.leases.acquire({ task: "t", holder, nowMs, untilMs });
      const aheadMs = 7_200_000;
      expect(await ask("dead", aheadMs, aheadMs + 45_000)).toMatchObject({ held: true });
      expect(await ask("b", 1_000, 46_000)).toEqual({ held: true, untilMs: 46_000 });
      // Clocks that differ slightly take nothing away.
      expect(await ask("c", 0, 45_000)).toEqual({ held: false, untilMs: 46_000 });
    });

    test("each task has its own lease", async () => {
      await using opened = await open();
      for (const task of ["one", "two"]) {
        const request = { task, holder: task, nowMs: 1_000, untilMs: 2_000 };
        expect(await opened.leases.acquire(request)).toMatchObject({ held: true });
      }
    });

    test("of five servers that run a task in real time exactly one runs it in each interval", async () => {
      await using opened = await open();
      const intervalMs = 1_000;
      const runs: { holder: string; atMs: number }[] = [];
      const runners = ["a", "b", "c", "d", "e"].map((holder) => {
        const task: PeriodicTask = {
          name: "busy",
          intervalMs,
          runsOn: "one",
          runOnce: async (nowMs) => {
            runs.push({ holder, atMs: nowMs });
            return { nextDueAtMs: undefined };
          },
        };
        const onError = (_: string, error: unknown) => Promise.reject(error);
        return new TaskRunner(task, { leases: opened.leases, holder, now: Date.now, onError });
      });
      for (const runner of runners) runner.start();
      await waitFor("some runs", () => runs.length >= 4);
      await Promise.all(runners.map((runner) => runner.stop()));
      const gaps = runs.slice(1).map((run, i) => run.atMs - (runs[i]?.atMs ?? 0));
      expect(gaps.filter((gapMs) => gapMs < intervalMs * 0.8)).toEqual([]);
    });
  });
}
