import { afterAll, expect, test } from "bun:test";
import { appendFileSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkflowEvent } from "../../shared/workflow-run.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { EventSenders } from "./event-sender.ts";

const dir = mkdtempSync(join(tmpdir(), "event-sender-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

let count = 0;

const note = (message: string): WorkflowEvent => ({
  type: "annotation",
  annotation: { level: "notice", message },
});
const line = (message: string) => `${JSON.stringify(note(message))}\n`;

/** A file of events, and a server that gets them. */
class World {
  readonly path = join(dir, `${count++}.jsonl`);
  /** What the server has. */
  readonly stored: string[] = [];
  readonly requests: { from: number; events: number }[] = [];
  readonly said: string[] = [];
  answer: "ok" | "stale" = "ok";
  private readonly say = (text: string) => void this.said.push(text);
  readonly senders = new EventSenders({
    log: { info: this.say, warn: this.say, error: this.say },
    send: async (_, from, events) => {
      this.requests.push({ from, events: events.length });
      if (this.answer === "stale") return "stale";
      if (from <= this.stored.length) {
        const added = events.slice(this.stored.length - from);
        for (const event of added)
          this.stored.push(event.type === "annotation" ? event.annotation.message : event.type);
      }
      return this.stored.length;
    },
  });

  constructor(...messages: string[]) {
    writeFileSync(this.path, messages.map(line).join(""));
  }

  add(text: string): void {
    appendFileSync(this.path, text);
  }

  begin() {
    return this.senders.begin("exe_1", { path: this.path });
  }

  has(...messages: string[]) {
    return waitFor(messages.join(), () => this.stored.join() === messages.join(), {
      seen: () => this.stored,
    });
  }
}

test("events arrive while the job runs, and all of them before the end", async () => {
  const world = new World("a");
  const sending = world.begin();
  await world.has("a");
  world.add(line("b") + line("c"));
  await world.has("a", "b", "c");
  world.add(line("d"));
  sending.finish();
  await sending.over;
  expect(world.stored).toEqual(["a", "b", "c", "d"]);
  const first = world.requests.map(({ from }) => from);
  expect(first).toEqual([...first].sort((a, b) => a - b));
});

test("a line that is half written is sent once it is whole", async () => {
  const world = new World("a");
  const sending = world.begin();
  const text = line("ä".repeat(300_000));
  world.add(text.slice(0, 200_000));
  await world.has("a");
  world.add(text.slice(200_000) + line("c"));
  sending.finish();
  await sending.over;
  expect(world.stored.map((one) => one.length)).toEqual([1, 300_000, 1]);
});

test("an agent that starts again sends only what the server lacks", async () => {
  const world = new World(...Array.from({ length: 3_000 }, (_, i) => `${i}`));
  for (let i = 0; i < 2_500; i++) world.stored.push(`${i}`);
  const sending = world.begin();
  sending.finish();
  await sending.over;
  expect(world.stored).toEqual(Array.from({ length: 3_000 }, (_, i) => `${i}`));
  // The first request finds out what the server has.
  expect(world.requests).toEqual([
    { from: 0, events: 1_000 },
    { from: 2_500, events: 500 },
  ]);
});

test("what is not an event is left out", async () => {
  const world = new World("a");
  world.add(`junk\n{"type":"unknown"}\n${"x".repeat(5 * 1024 * 1024)}\n${line("b")}`);
  const sending = world.begin();
  sending.finish();
  await sending.over;
  expect(world.stored).toEqual(["a", "b"]);
});

test("a request has a bounded size, however long the events are", async () => {
  const world = new World(...Array.from({ length: 8 }, (_, i) => `${i}${"x".repeat(400_000)}`));
  const sending = world.begin();
  sending.finish();
  await sending.over;
  expect(world.stored).toHaveLength(8);
  expect(Math.max(...world.requests.map(({ events }) => events))).toBe(2);
});

test("a server that takes no more, a link in the place of the file and a stop end it", async () => {
  const stale = new World("a");
  stale.answer = "stale";
  await stale.begin().over;
  const link = new World();
  rmSync(link.path);
  symlinkSync("/etc/passwd", link.path);
  await link.begin().over;
  expect(link.said).toEqual([expect.stringContaining("it is a link")]);
  const stopped = new World("a");
  const sending = stopped.begin();
  await stopped.has("a");
  sending.stop();
  await sending.over;
});
