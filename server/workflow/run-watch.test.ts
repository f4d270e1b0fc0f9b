import { expect, test } from "bun:test";
import type { WorkflowEvent } from "../../shared/workflow-run.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { SqliteStore } from "../store/sqlite.ts";
import { SqliteRunStore, workflowMigrations } from "./run-store.sqlite.ts";
import { RunWatch } from "./run-watch.ts";

const note = (message: string): WorkflowEvent => ({
  type: "annotation",
  annotation: { level: "notice", message },
});

/** A job of one server, and a follower of it. */
class World implements Disposable {
  readonly bus = new MemoryBus();
  private readonly sqlite = new SqliteStore(":memory:", workflowMigrations);
  readonly store = new SqliteRunStore(this.sqlite);
  readonly watch = new RunWatch(this, "job_1");

  /** Stores events, and publishes them unless the message shall be lost. */
  async add(from: number, events: WorkflowEvent[], { executionId = "exe_1", isLost = false } = {}) {
    const request = { path: "ci.yml", event: "push" };
    const place = { jobId: "job_1", executionId, attempt: 1, from };
    await this.store.append({ ...place, businessId: "biz_1", request, events });
    if (!isLost) this.bus.publish("workflow", { ...place, events });
  }

  async taken(executionId = "exe_1") {
    return (await this.watch.take(executionId)).map(({ from, run, events }) =>
      run ? `${from}: run with ${run.annotations.length}` : `${from}: +${events?.length}`,
    );
  }

  [Symbol.dispose]() {
    this.watch.close();
    this.sqlite.close();
  }
}

test("a follower gets the state first, and then each change once", async () => {
  using world = new World();
  await world.add(0, [note("a")]);
  expect(await world.taken()).toEqual(["1: run with 1"]);
  expect(world.watch.hasNews).toBe(false);
  let woken = 0;
  world.watch.whenNews(() => woken++);
  await world.add(1, [note("b"), note("c")]);
  expect(woken).toBe(1);
  expect(await world.taken()).toEqual(["1: +2"]);
  // A node that got no answer sends them again, and the message arrives twice.
  await world.add(1, [note("b"), note("c")]);
  expect(await world.taken()).toEqual([]);
  expect(await world.taken()).toEqual([]);
});

test("a follower that has missed a message gets the whole state again", async () => {
  using world = new World();
  await world.add(0, [note("a")]);
  await world.taken();
  await world.add(1, [note("b")], { isLost: true });
  await world.add(2, [note("c")]);
  expect(await world.taken()).toEqual(["3: run with 3"]);
  await world.add(3, [note("d")], { isLost: true });
  expect(await world.taken()).toEqual([]);
  world.watch.lookAgain();
  expect(await world.taken()).toEqual(["4: run with 4"]);
});

test("a follower that is too slow gets the whole state instead of many changes", async () => {
  using world = new World();
  for (let from = 0; from < 5_000; from += 500)
    await world.add(
      from,
      Array.from({ length: 500 }, () => note("x")),
    );
  expect(await world.taken()).toEqual(["5000: run with 500"]);
});

test("another attempt begins with its own state", async () => {
  using world = new World();
  await world.add(0, [note("a"), note("b")]);
  await world.taken();
  expect(await world.taken("exe_2")).toEqual([]);
  await world.add(0, [note("c")], { executionId: "exe_2" });
  expect(await world.taken("exe_2")).toEqual(["1: run with 1"]);
});
