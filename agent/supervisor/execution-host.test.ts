import { afterEach, beforeEach, describe, expect, spyOn, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { newId } from "../../shared/ids.ts";
import type { LogLine } from "../../shared/log.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { assignmentOf } from "../../tests/support/agent/assignment.ts";
import { FakeExecutor } from "../../tests/support/agent/fake-executor.ts";
import { linesOf } from "../../tests/support/lines-of.ts";
import { waitFor } from "../../tests/support/wait.ts";
import type { TaskGpu } from "../executors/port/executor.ts";
import { spoolRoom } from "../logs/spool.ts";
import { Outbox } from "../state/outbox.ts";
import { ExecutionHost } from "./execution-host.ts";
import type { News } from "./protocol.ts";

let dir: string;
let fake: FakeExecutor;
let host: ExecutionHost;
let listener: Listener;
const complaints: string[] = [];
const log = {
  info: () => {},
  warn: (text: string) => complaints.push(text),
  error: (text: string) => complaints.push(text),
};

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "host-"));
  fake = new FakeExecutor();
  host = newHost();
  listener = new Listener();
  host.attach(listener.hear);
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function newHost(): ExecutionHost {
  const outbox = new Outbox(join(dir, "outbox"));
  outbox.load(log);
  return new ExecutionHost({
    workRoot: dir,
    executors: new Map([[fake.jobType, fake]]),
    spoolRoom: spoolRoom(join(dir, "spool")),
    outbox,
    log,
    onSettled: () => {},
  });
}

/** Shorter than the limit of a test, so that the failure says what it waited for. */
const WAIT_MS = 4_000;

/** Collects the news that an agent gets. */
class Listener {
  readonly news: News[] = [];
  private readonly waiting = new Set<() => void>();
  readonly hear = (news: News) => {
    this.news.push(news);
    for (const look of this.waiting) look();
  };

  lines(): LogLine[] {
    return this.news.flatMap((news) => (news.type === "lines" ? linesOf(news) : []));
  }

  ended(executionId: string) {
    return this.until((news) => news.type === "ended" && news.executionId === executionId) as Promise<
      Extract<News, { type: "ended" }>
    >;
  }

  until(isIt: (news: News) => boolean): Promise<News> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error("heard nothing of the kind in time")), WAIT_MS);
      const look = () => {
        const found = this.news.find(isIt);
        if (!found) return;
        clearTimeout(timer);
        this.waiting.delete(look);
        resolve(found);
      };
      this.waiting.add(look);
      look();
    });
  }
}

function start(manifest: Partial<JobManifestInput> = {}, gpus: TaskGpu[] = []): string {
  const executionId = newId("exe");
  host.obey({
    type: "start",
    order: {
      assignment: assignmentOf({ command: "true", ...manifest }, executionId),
      nodeId: newId("node"),
      limits: { memoryMb: 64 },
      gpus,
      environment: {},
    },
  });
  return executionId;
}

const order = (type: "cancel" | "kill" | "drop" | "forget", executionId: string) =>
  host.obey({ type, executionId });
const seqs = (lines: readonly LogLine[]) => lines.map((line) => line.seq);

describe("the host of executions", () => {
  test("announces the start, the lines and last the end of an execution, and leaves no directory", async () => {
    fake.next({ says: [["stdout", "a\n"]], exit: { exitCode: 3 } });
    const id = start();
    const { end, lastSeq } = await listener.ended(id);
    const told = listener.news.map((news) => news.type);
    expect(told.toSorted()).toEqual(["ended", "hello", "lines", "started"]);
    expect(told.at(-1)).toBe("ended");
    expect(end).toMatchObject({ status: "FAILED", exitCode: 3 });
    expect(lastSeq).toBe(1);
    expect(readdirSync(dir)).not.toContain(id);
  });

  test("hands over at most a window of lines before the server stores some, and all of them in the end", async () => {
    const text = `${"x".repeat(1_000)}\n`.repeat(10_000);
    fake.next({ says: [["stdout", text]], exit: { exitCode: 0 } });
    const id = start();
    const { lastSeq } = await listener.ended(id);
    expect(lastSeq).toBe(10_000);
    const first = listener.lines().length;
    expect(first).toBeGreaterThan(1_000);
    expect(first).toBeLessThan(5_000);
    // Lines that a previous agent did not deliver do not count in the next agent's window.
    listener = new Listener();
    host.attach(listener.hear);
    expect(listener.lines()).toHaveLength(first);
    for (let count = 0; count !== listener.lines().length; ) {
      count = listener.lines().length;
      host.obey({ type: "stored", executionId: id, seq: count });
    }
    expect(seqs(listener.lines())).toEqual(Array.from({ length: 10_000 }, (_, i) => i + 1));
  });

  test("says what its running executions use only if it is asked, and nothing of those that are over", async () => {
    const id = start();
    const task = await fake.started(id);
    host.obey({ type: "sample" });
    const [usage, ...more] = listener.news.filter((news) => news.type === "usage");
    expect(more).toEqual([]);
    expect(usage).toEqual({ type: "usage", samples: [{ executionId: id, cpuSeconds: 0.01, memoryMb: 1 }] });
    task.finish({ exitCode: 0 });
    await listener.ended(id);
    host.obey({ type: "sample" });
    expect(listener.news.at(-1)).toEqual({ type: "usage", samples: [] });
  });

  test("gives the next agent the lines that the server has not stored, and the news since then", async () => {
    const id = start();
    const task = await fake.started(id);
    await task.say("stdout", "1\n2\n3\n");
    host.obey({ type: "stored", executionId: id, seq: 2 });
    host.detach();
    await task.say("stdout", "4\n");
    const next = new Listener();
    host.attach(next.hear);
    const [hello] = next.news;
    expect(hello).toMatchObject({
      type: "hello",
      executions: [{ executionId: id, lastSeq: 4, storedSeq: 2 }],
    });
    expect(seqs(next.lines())).toEqual([3, 4]);
    task.finish({ exitCode: 0 });
    expect((await next.ended(id)).lastSeq).toBe(4);
  });

  test("keeps executions on disk that ended without an agent; the next host hands them over", async () => {
    const id = start();
    const task = await fake.started(id);
    host.detach();
    await task.say("stdout", "only\n");
    task.finish({ exitCode: 5 });
    await listenerSilent(id);
    host.keepForNext();
    host = newHost();
    host.resume(new Outbox(join(dir, "outbox")).load(log));
    const next = new Listener();
    host.attach(next.hear);
    expect(next.news[0]).toMatchObject({
      executions: [{ executionId: id, lastSeq: 1, ended: { end: { status: "FAILED", exitCode: 5 } } }],
    });
    expect(next.lines().map((line) => line.text)).toEqual(["only"]);
    order("forget", id);
    expect(host.count).toBe(0);
    expect(readdirSync(join(dir, "outbox"))).toEqual([]);
    expect(readdirSync(join(dir, "spool"))).toEqual([]);
  });

  test("a result that cannot be written to disk is logged, and still handed over", async () => {
    rmSync(join(dir, "outbox"), { recursive: true });
    const id = start();
    const task = await fake.started(id);
    host.detach();
    task.finish({ exitCode: 0 });
    const told = () => complaints.some((text) => text.includes(id));
    await waitFor("a complaint", told, { timeoutMs: WAIT_MS });
    const next = new Listener();
    host.attach(next.hear);
    expect(next.news[0]).toMatchObject({
      executions: [{ executionId: id, ended: { end: { exitCode: 0 } } }],
    });
  });

  test("an execution that exceeded its limit fails with ResourceExceeded, and its message names limit and peak", async () => {
    fake.next({ exit: { signal: "SIGKILL", exceeded: { limit: "memoryMb", allowed: 64, peak: 71.26 } } });
    const { end } = await listener.ended(start());
    expect(end).toMatchObject({ status: "FAILED", reason: "ResourceExceeded", signal: "SIGKILL" });
    expect(end.message).toBe("The job exceeded its memory limit: memoryMb is 64 MiB; its peak was 71.3 MiB.");
    expect(listener.lines().map((line) => line.text)).toEqual([end.message as string]);
  });

  test("an execution whose engine went away is lost, and its message says why", async () => {
    fake.next({ exit: { lost: "The engine went away." } });
    expect((await listener.ended(start())).end).toMatchObject({
      status: "FAILED",
      reason: "AgentRestarted",
      message: "The engine went away.",
    });
  });

  test("an execution that is cancelled while it starts ends as CANCELLED and never runs", async () => {
    fake.next({ startHangs: true });
    const id = start();
    order("cancel", id);
    expect((await listener.ended(id)).end).toEqual({ status: "CANCELLED" });
    expect(listener.news.some((news) => news.type === "started")).toBe(false);
  });

  test("an execution that was cancelled while it started is stopped even when its start succeeds", async () => {
    const begin = fake.start.bind(fake);
    spyOn(fake, "start").mockImplementation((task) => {
      order("cancel", task.assignment.executionId);
      return begin(task, new AbortController().signal);
    });
    expect((await listener.ended(start())).end).toMatchObject({ status: "CANCELLED", signal: "SIGTERM" });
  });

  test("the time limit of an execution does nothing after its end", async () => {
    fake.next({ exit: { exitCode: 0 } }, {});
    const brief = start({ timeoutSeconds: 0.02 });
    expect((await listener.ended(brief)).end.status).toBe("SUCCEEDED");
    const long = start({ timeoutSeconds: 0.05 });
    expect((await listener.ended(long)).end.reason).toBe("Timeout");
    const told = listener.news.filter((news) => news.type === "lines" && news.executionId === brief);
    expect(told).toEqual([]);
  });

  test("the directory of an execution is only for its account", async () => {
    const id = start();
    const task = await fake.started(id);
    expect(statSync(join(dir, id)).mode & 0o777).toBe(0o700);
    task.finish({ exitCode: 0 });
    await listener.ended(id);
  });

  test("cancel gives the job its grace period; kill gives none, even after a cancel", async () => {
    fake.always({ onTerm: "ignores" });
    const id = start({ graceSeconds: 300 });
    const task = await fake.started(id);
    order("cancel", id);
    expect(task.stops).toEqual([300_000]);
    order("kill", id);
    expect((await listener.ended(id)).end).toMatchObject({ status: "CANCELLED", signal: "SIGKILL" });
  });

  test("a job that ends with its supervisor may be retried, unless it was cancelled before", async () => {
    fake.always({ onTerm: "ignores" });
    const [lost, cancelled] = [start(), start({ graceSeconds: 300 })];
    await Promise.all([lost, cancelled].map((id) => fake.started(id)));
    order("cancel", cancelled);
    await host.endAll();
    expect((await listener.ended(lost)).end).toMatchObject({ status: "FAILED", reason: "AgentRestarted" });
    expect((await listener.ended(cancelled)).end.status).toBe("CANCELLED");
  });

  test("a start that fails or throws says why, and the host lives on", async () => {
    fake.next({ startFails: "There is no such image." }, { startThrows: new Error("boom") });
    expect((await listener.ended(start())).end).toEqual({
      status: "FAILED",
      reason: "StartFailed",
      message: "There is no such image.",
    });
    expect((await listener.ended(start())).end).toMatchObject({
      reason: "StartFailed",
      message: expect.stringContaining("boom"),
    });
    fake.next({ exit: { exitCode: 0 } });
    expect((await listener.ended(start())).end.status).toBe("SUCCEEDED");
  });

  test("a job of a type without an executor cannot be started", async () => {
    const { end } = await listener.ended(start({ type: "DOCKER", image: "alpine" }));
    expect(end).toMatchObject({
      reason: "StartFailed",
      message: expect.stringContaining("no executor for jobs of type DOCKER"),
    });
  });

  test("a GPU that a job still uses is given to no other job, whatever its index is now", async () => {
    const first = start({}, [{ vendor: "nvidia", index: 1, uuid: "GPU-a" }]);
    const task = await fake.started(first);
    const refused = await listener.ended(start({}, [{ vendor: "nvidia", index: 0, uuid: "GPU-a" }]));
    expect(refused.end).toMatchObject({ reason: "StartFailed", message: expect.stringContaining(first) });
    const other = start({}, [{ vendor: "nvidia", index: 1, uuid: "GPU-b" }]);
    const beside = await fake.started(other);
    task.finish({ exitCode: 0 });
    await listener.ended(first);
    const after = await fake.started(start({}, [{ vendor: "nvidia", index: 0, uuid: "GPU-a" }]));
    for (const one of [beside, after]) one.finish({ exitCode: 0 });
  });

  test("a running execution is not forgotten, and a start is carried out only once", async () => {
    const id = start();
    const task = await fake.started(id);
    order("forget", id);
    expect(host.running).toBe(1);
    host.obey({ type: "start", order: { assignment: task.task.assignment } as never });
    expect(host.running).toBe(1);
    task.finish({ exitCode: 0 });
    await listener.ended(id);
    order("forget", id);
    expect(host.count).toBe(0);
  });
});

/** The execution ended without an agent when its result is on disk. */
function listenerSilent(executionId: string): Promise<boolean> {
  const noted = () => readdirSync(join(dir, "outbox")).includes(`${executionId}.json`);
  return waitFor("its result on disk", noted, { timeoutMs: WAIT_MS });
}
