import { expect, test } from "bun:test";
import { StartFailedError, type Task, type TaskOutput } from "../../../agent/executors/port/executor.ts";
import { newId } from "../../../shared/ids.ts";
import { assignmentOf } from "./assignment.ts";
import { FakeExecutor } from "./fake-executor.ts";

const never = new AbortController().signal;

function makeTask(write: TaskOutput["write"] = () => undefined): Task {
  return {
    assignment: assignmentOf({ command: "played" }),
    nodeId: newId("node"),
    dir: "/",
    output: { write, system: () => {} },
    limits: { memoryMb: 64 },
    gpus: [],
    environment: {},
  };
}

test("a start fails, throws or hangs as planned; each plan is for one start", async () => {
  const fake = new FakeExecutor();
  fake.next({ startFails: "no room" }, { startThrows: new TypeError("a bug") }, { startHangs: true });
  const failure = await fake.start(makeTask(), never).catch((error) => error);
  expect(failure).toBeInstanceOf(StartFailedError);
  expect(failure.message).toBe("no room");
  await expect(fake.start(makeTask(), never)).rejects.toThrow(new TypeError("a bug"));
  const giveUp = new AbortController();
  const hanging = fake.start(makeTask(), giveUp.signal);
  giveUp.abort();
  await expect(hanging).rejects.toBeInstanceOf(StartFailedError);
  await fake.start(makeTask(), never); // this one has no plan
});

test("a start that hangs continues when the test lets it, and counts as started only then", async () => {
  const fake = new FakeExecutor();
  fake.next({ startHangs: true });
  const task = makeTask();
  const start = fake.start(task, never);
  const { executionId } = task.assignment;
  const started = fake.started(executionId);
  expect(fake.tasks.get(executionId)?.runs).toBe(false);
  fake.tasks.get(executionId)?.letStart();
  expect(await started).toBe(fake.tasks.get(executionId) as never);
  await start;
});

test("the test decides what the task prints and how it ends", async () => {
  const fake = new FakeExecutor();
  const said: string[] = [];
  const task = makeTask((stream, bytes) => {
    said.push(`${stream}: ${Buffer.from(bytes)}`);
    return undefined;
  });
  const running = await fake.start(task, never);
  const played = await fake.started();
  played.say("stdout", "hello");
  played.say("stderr", Uint8Array.of(0x6f, 0x68));
  played.uses({ cpuSeconds: 3 });
  await played.exceed("memoryMb", 65);
  played.finish({ exitCode: 0 }); // too late
  played.uses({});
  expect(said).toEqual(["stdout: hello", "stderr: oh"]);
  expect(await running.wait()).toEqual({
    signal: "SIGKILL",
    exceeded: { limit: "memoryMb", allowed: 64, peak: 65 },
  });
  expect(running.usage()).toEqual({ cpuSeconds: 3 });
  await expect(played.exceed("pids")).rejects.toThrow("has no limit of pids");
});

test("a task that cannot be killed ends when the test ends it, and every stop is recorded", async () => {
  const fake = new FakeExecutor();
  fake.always({ unkillable: true, onTerm: "ignores" });
  const running = await fake.start(makeTask(), never);
  running.stop(5);
  running.stop(0);
  const played = await fake.started();
  expect(played.stops).toEqual([5, 0]);
  expect(played.runs).toBe(true);
  await played.finish({ signal: "SIGKILL" });
  expect(await running.wait()).toEqual({ signal: "SIGKILL" });
});

test("stop throws, wait rejects, probe is slow, and recover and close fail if the test wants it", async () => {
  const fake = new FakeExecutor();
  fake.next({ stopThrows: new Error("deaf"), waitRejects: new Error("blind") });
  const running = await fake.start(makeTask(), never);
  expect(() => running.stop(0)).toThrow("deaf");
  await (await fake.started()).finish();
  await expect(running.wait()).rejects.toThrow("blind");
  const slow = Promise.withResolvers<void>();
  fake.probeAfter = slow.promise;
  fake.unavailable = "gone";
  const probe = fake.probe();
  expect(Bun.peek.status(probe)).toBe("pending");
  slow.resolve();
  expect(await probe).toEqual({ available: false, why: "gone" });
  fake.recoverFails = new Error("no luck");
  await expect(fake.recover(["exe_1"])).rejects.toThrow("no luck");
  fake.closeFails = new Error("stuck");
  await expect(fake.close()).rejects.toThrow("stuck");
  expect(fake.calls).toEqual({ probe: 1, close: 1, recover: [["exe_1"]] });
});

test("starting an execution twice, or closing while a task runs, is an error", async () => {
  const fake = new FakeExecutor();
  const task = makeTask();
  await fake.start(task, never);
  await expect(fake.start(task, never)).rejects.toThrow("was started twice");
  await expect(fake.close()).rejects.toThrow("still ran");
});
