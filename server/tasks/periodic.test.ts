import { expect, test } from "bun:test";
import { waitFor } from "../../tests/support/wait.ts";
import { MemoryLeaseStore } from "./lease-store.memory.ts";
import type { LeaseStore } from "./lease-store.ts";
import { type PeriodicTask, TaskRunner } from "./periodic.ts";

const INTERVAL_MS = 30_000;

test("one of two servers runs the task in each interval, and each does its own part at every tick", async () => {
  const world = new World();
  const servers = [world.server("a"), world.server("b")];
  for (let round = 0; round < 5; round++) {
    if (round > 0) world.nowMs += INTERVAL_MS;
    for (const server of servers) await server.tick();
    expect(world.runs).toHaveLength(round + 1);
    expect(servers.map((server) => server.ownTicks)).toEqual([round + 1, round + 1]);
  }
  expect(new Set(world.runs).size).toBe(1);
  await world.stop();
});

test("a task that every server runs needs no lease", async () => {
  const world = new World();
  const servers = [world.server("a", { runsOn: "each" }), world.server("b", { runsOn: "each" })];
  for (const server of servers) await server.tick();
  expect(world.runs.sort()).toEqual(["a", "b"]);
  await world.stop();
});

test("a server that dies is replaced when its lease expires, 10 s after its next run was due", async () => {
  const world = new World();
  const dead = world.server("a");
  await dead.tick();
  const other = world.server("b");
  world.nowMs += INTERVAL_MS + 9_900;
  await other.tick();
  expect(world.runs).toEqual(["a"]);
  world.nowMs += 100;
  await other.tick();
  expect(world.runs).toEqual(["a", "b"]);
  await world.stop();
});

test("work that is due earlier shortens the lease, so that it need not wait out the interval of a dead server", async () => {
  const world = new World();
  world.nextDueInMs = 2_000;
  const dead = world.server("a");
  await dead.tick();
  const other = world.server("b");
  world.nowMs += 2_000 + 10_001;
  await other.tick();
  expect(world.runs).toEqual(["a", "b"]);
  await world.stop();
});

test("a server that stops normally hands over immediately", async () => {
  const world = new World();
  const [first, second] = [world.server("a"), world.server("b")];
  await first.tick();
  await second.tick();
  expect(world.runs).toEqual(["a"]);
  await first.runner.stop();
  await second.tick();
  expect(world.runs).toEqual(["a", "b"]);
  await world.stop();
});

test("while the lease store fails, nothing runs, the error is reported, and the runner tries again", async () => {
  const world = new World();
  const leases = new MemoryLeaseStore();
  let isBroken = true;
  world.leases = {
    acquire: (request) => (isBroken ? Promise.reject(new Error("away")) : leases.acquire(request)),
  };
  const server = world.server("a");
  await server.tick();
  expect(world.errors).toEqual(["away"]);
  isBroken = false;
  await server.tick();
  expect(world.runs).toEqual(["a"]);
  await world.stop();
});

/** Servers with one lease store and one clock that stands still until the test moves it forward. */
class World {
  nowMs = 1_000_000;
  leases: LeaseStore = new MemoryLeaseStore();
  nextDueInMs: number | undefined;
  readonly runs: string[] = [];
  readonly errors: string[] = [];
  private readonly runners: TaskRunner[] = [];

  server(holder: string, change: Partial<PeriodicTask> = {}) {
    const server = { ownTicks: 0, runner: this.runnerOf(holder, change, () => server.ownTicks++), tick };
    async function tick() {
      const before = server.ownTicks;
      server.runner.runBefore(0);
      await waitFor("the tick", () => server.ownTicks > before);
      // The rest of the run takes a few promises, none of which waits for anything outside.
      await new Promise(setImmediate);
    }
    return server;
  }

  async stop(): Promise<void> {
    await Promise.all(this.runners.map((runner) => runner.stop()));
  }

  private runnerOf(holder: string, change: Partial<PeriodicTask>, onTick: () => void): TaskRunner {
    const task: PeriodicTask = {
      name: "task",
      intervalMs: INTERVAL_MS,
      runsOn: "one",
      onEveryServer: onTick,
      runOnce: async () => {
        this.runs.push(holder);
        return { nextDueAtMs: this.nextDueInMs === undefined ? undefined : this.nowMs + this.nextDueInMs };
      },
      ...change,
    };
    const { leases } = this;
    const onError = (_task: string, error: unknown) => this.errors.push((error as Error).message);
    const runner = new TaskRunner(task, { leases, holder, now: () => this.nowMs, onError });
    this.runners.push(runner);
    return runner;
  }
}
