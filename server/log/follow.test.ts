import { expect, test } from "bun:test";
import { LogWorld } from "../../tests/support/log-world.ts";
import { within } from "../../tests/support/wait.ts";
import { JsonText, type StreamEvent } from "../http/handler.ts";

const DONE = { status: "SUCCESS", attempt: 1, exitCode: 0 } as const;

test("a finished job replays every line, then ends with its outcome", async () => {
  await using world = await LogWorld.open();
  await world.save(1, 1, 2_500);
  world.job = DONE;
  for (const [follow, packed] of [
    [true, false],
    [false, false],
    [true, true],
    [false, true],
  ] as const) {
    const events = await readAll(world.follow({ follow, packed }));
    expect(placesOf(events)).toEqual(placesFrom(1, 1, 2_500));
    expect(events.at(-1)).toEqual({
      event: "end",
      data: { jobId: world.jobId, status: "SUCCESS", attempt: 1, exitCode: 0 },
    });
  }
});

test("without follow, an unfinished job gives its stored lines and no end", async () => {
  await using world = await LogWorld.open();
  await world.save(1, 1, 3);
  world.publish(1, 4, 5);
  expect(summary(await readAll(world.follow({ follow: false })))).toEqual(["1.1", "1.2", "1.3"]);
});

test("a replay that a stopping server cuts off does not look complete", async () => {
  await using world = await LogWorld.open();
  await world.save(1, 1, 2_500);
  world.job = DONE;
  const stopping = new AbortController();
  const stream = world.follow({ follow: false, signal: stopping.signal });
  await stream.next();
  stopping.abort();
  await expect(readAll(stream)).rejects.toMatchObject({ code: "unavailable" });
});

test("a late follower gets lines that are not stored yet", async () => {
  await using world = await LogWorld.open();
  world.publish(1, 1, 20);
  const reader = new Reader(world.follow());
  expect(await reader.readLines(20)).toEqual(placesFrom(1, 1, 20));
  await reader.close();
});

test("a line reaches a waiting follower in the same turn of the event loop in which it is published", async () => {
  await using world = await LogWorld.open();
  const stream = world.follow();
  expect(summary((await stream.next()).value ?? [])).toEqual(["status RUNNING 1"]);
  const next = stream.next();
  // The follower waits once it has read the store.
  await new Promise(setImmediate);
  const later = new Promise((resolve) => setImmediate(resolve, "later"));
  world.publish(1, 1, 1);
  const first = await Promise.race([next, later]);
  expect(first).toEqual({ done: false, value: [expect.objectContaining({ event: "log", id: "1.1" })] });
  await stream.return(undefined);
});

test.each([false, true])(
  "a follower that resumes anywhere while lines arrive misses no line and gets no line twice, packed: %p",
  async (packed) => {
    await using world = await LogWorld.open();
    const all = [...placesFrom(1, 1, 120), ...placesFrom(2, 1, 80)];
    await world.write(1, 1, 40);
    const cursors = [undefined, "0.0", "1.1", "1.39", "1.40", "1.41", "1.77", "1.120", "2.1", "2.79", "2.80"];
    const followers = cursors.map(async (cursor) => {
      const [attempt = 0, seq = 0] = (cursor ?? "0.0").split(".").map(Number);
      const events = await readAll(world.follow({ packed, after: cursor ? { attempt, seq } : undefined }));
      const from = all.indexOf(`${attempt}.${seq}`) + 1;
      expect({ cursor, lines: placesOf(events) }).toEqual({ cursor, lines: all.slice(from) });
      expect(events.filter((event) => event.event === "gap")).toEqual([]);
      expect(events.at(-1)?.event).toBe("end");
    });
    for (let seq = 41; seq <= 120; seq += 3) await world.write(1, seq, Math.min(seq + 2, 120));
    world.setJob({ status: "RUNNING", attempt: 2 });
    const saves: Promise<void>[] = [];
    // Lines run ahead of the disk, some are published twice, and some messages are lost.
    for (let seq = 1; seq <= 80; seq += 2) {
      if (seq % 7 !== 0) world.publish(2, seq, seq + 1);
      if (seq % 5 === 0) world.publish(2, Math.max(1, seq - 2), seq + 1);
      saves.push(world.save(2, seq, seq + 1));
      if (seq % 9 === 0) await Promise.all(saves);
    }
    await Promise.all(saves);
    world.setJob({ status: "SUCCESS", attempt: 2 });
    await within(10_000, "following", Promise.all(followers));
  },
);

test("the end comes after the last line, even if that line was never live", async () => {
  await using world = await LogWorld.open();
  const reader = new Reader(world.follow());
  await world.write(1, 1, 2);
  await reader.readLines(2);
  await world.save(1, 3, 5);
  world.setJob({ ...DONE, status: "FAILED", exitCode: 3 });
  expect(summary(await reader.rest())).toEqual(["1.3", "1.4", "1.5", "end FAILED"]);
});

test("lines of another server that were lost on the way come from the store", async () => {
  await using world = await LogWorld.open();
  const reader = new Reader(world.follow());
  await world.write(1, 1, 2);
  await reader.readLines(2);
  // Stored by another server, whose messages never arrived here.
  await world.save(1, 3, 5);
  world.bus.lose();
  expect(await reader.readLines(3)).toEqual(["1.3", "1.4", "1.5"]);
  expect(world.bus.followedJobs).toBe(1);
  await reader.close();
  expect(world.bus.followedJobs).toBe(0);
});

test("the follower gets one event for each change of the job", async () => {
  await using world = await LogWorld.open();
  world.job = { status: "QUEUED", attempt: 0 };
  const reader = new Reader(world.follow());
  expect(await reader.readUntil("status QUEUED 0")).toBeDefined();
  world.setJob({ status: "ASSIGNED", attempt: 1 });
  world.setJob({ status: "RUNNING", attempt: 1 });
  world.setJob({ status: "RUNNING", attempt: 1 });
  expect(await reader.readUntil("status RUNNING 1")).toEqual(["status RUNNING 1"]);
  world.setJob({ status: "QUEUED", attempt: 1 });
  expect(await reader.readUntil("status QUEUED 1")).toEqual(["status QUEUED 1"]);
  await reader.close();
});

test("a slow reader gets a gap with the exact number of missed lines, then the newest lines", async () => {
  await using world = await LogWorld.open();
  const reader = new Reader(world.follow());
  await reader.readUntil("status RUNNING 1");
  const first = reader.readLines(1);
  await new Promise(setImmediate);
  world.publish(1, 1, 1);
  expect(await first).toEqual(["1.1"]);
  for (let seq = 2; seq <= 30_001; seq += 500) world.publish(1, seq, seq + 499);
  const startedAtMs = performance.now();
  await reader.readUntil("gap");
  expect(performance.now() - startedAtMs).toBeLessThan(1_000);
  const { missed } = (reader.last?.data ?? {}) as { missed: number };
  expect(missed).toBe(20_000);
  const rest = await reader.readLines(30_000 - missed);
  expect(rest).toEqual(placesFrom(1, 2 + missed, 30_001));
  await reader.close();
});

test("a slow reader that asked for the whole log gets every line", async () => {
  await using world = await LogWorld.open();
  const reader = new Reader(world.follow({ whole: true }));
  await reader.readUntil("status RUNNING 1");
  const first = reader.readLines(1);
  await new Promise(setImmediate);
  world.publish(1, 1, 1);
  expect(await first).toEqual(["1.1"]);
  for (let seq = 2; seq <= 30_001; seq += 500) world.publish(1, seq, seq + 499);
  // The live lines that it was too late for are on disk a moment later.
  const rest = reader.readLines(30_000);
  await world.save(1, 1, 30_001);
  expect(await rest).toEqual(placesFrom(1, 2, 30_001));
  for (let seq = 30_002; seq <= 60_001; seq += 500) await world.write(1, seq, seq + 499);
  expect(await reader.readLines(30_000)).toEqual(placesFrom(1, 30_002, 60_001));
  world.setJob(DONE);
  expect(summary(await reader.rest())).toEqual(["end SUCCESS"]);
  expect(reader.gaps).toBe(0);
});

test("a reader that is still reading the stored log does not count as slow: it gets every line", async () => {
  await using world = await LogWorld.open();
  await world.save(1, 1, 3_000);
  const reader = new Reader(world.follow());
  await reader.readLines(1);
  for (let seq = 3_001; seq <= 33_000; seq += 1_000) await world.write(1, seq, seq + 999);
  const rest = await reader.readLines(32_999);
  expect(rest).toEqual(placesFrom(1, 2, 33_000));
  expect(reader.gaps).toBe(0);
  await reader.close();
});

test("lines missing from live messages are read from the store as soon as they are stored", async () => {
  await using world = await LogWorld.open();
  const reader = new Reader(world.follow());
  await world.write(1, 1, 1);
  await reader.readLines(1);
  world.publish(1, 5, 6);
  const rest = reader.readLines(5);
  await world.save(1, 2, 3);
  await world.save(1, 4, 6);
  expect(await rest).toEqual(placesFrom(1, 2, 6));
  await reader.close();
});

test("lines that never arrive become a gap after a bounded wait", async () => {
  await using world = await LogWorld.open();
  const reader = new Reader(world.follow());
  await world.write(1, 1, 1);
  await reader.readLines(1);
  world.publish(1, 5, 6);
  await reader.readUntil("gap");
  expect(reader.last?.data).toEqual({ missed: 3 });
  expect(await reader.readLines(2)).toEqual(["1.5", "1.6"]);
  await reader.close();
});

test("a tail begins with the last stored lines and continues with new lines", async () => {
  await using world = await LogWorld.open();
  await world.save(1, 1, 10);
  const reader = new Reader(world.follow({ tail: 3 }));
  expect(await reader.readLines(3)).toEqual(["1.8", "1.9", "1.10"]);
  await world.write(1, 11, 11);
  expect(await reader.readLines(1)).toEqual(["1.11"]);
  await reader.close();
});

test("a packed tail has the same lines, and large batches come in events of bounded size", async () => {
  await using world = await LogWorld.open();
  await world.save(1, 1, 100);
  world.job = DONE;
  const tail = await readAll(world.follow({ tail: 3, packed: true }));
  expect(placesOf(tail)).toEqual(placesFrom(1, 98, 100));
  await world.save(1, 101, 40_000);
  const all = await readAll(world.follow({ packed: true }));
  expect(placesOf(all)).toEqual(placesFrom(1, 1, 40_000));
  const sizes = all.map(({ data }) => (data instanceof JsonText ? data.text.length : 0));
  expect(Math.max(...sizes)).toBeLessThan(1_100_000);
  expect(sizes.length).toBeLessThan(100);
});

test("a job whose last message was lost still ends its followers", async () => {
  await using world = await LogWorld.open();
  world.recheckMs = 20;
  const reader = new Reader(world.follow());
  await reader.readUntil("status RUNNING 1");
  world.job = DONE;
  expect(summary(await within(5_000, "the end", reader.rest()))).toEqual(["end SUCCESS"]);
});

test("an aborted follower ends, and a missing job is not_found", async () => {
  await using world = await LogWorld.open();
  const leaving = new AbortController();
  const reader = new Reader(world.follow({ signal: leaving.signal }));
  await reader.readUntil("status RUNNING 1");
  const rest = reader.rest();
  leaving.abort();
  expect(await within(5_000, "the end", rest)).toEqual([]);
  world.job = undefined;
  await expect(world.follow().next()).rejects.toMatchObject({ code: "not_found" });
});

test("a reader that leaves in the middle of the lines leaves nothing behind in the hub", async () => {
  await using world = await LogWorld.open();
  const leaving = new AbortController();
  await world.save(1, 1, 10);
  const reader = new Reader(world.follow({ signal: leaving.signal }));
  await reader.readLines(1);
  expect(world.hub.size.jobs).toBe(1);
  leaving.abort();
  expect(world.hub.size.jobs).toBe(0);
});

/** Reads a stream event by event. */
class Reader {
  last: StreamEvent | undefined;
  gaps = 0;
  private ready: StreamEvent[] = [];

  constructor(private readonly stream: AsyncGenerator<StreamEvent[]>) {}

  /** The places of the next lines, skipping other events. */
  async readLines(count: number): Promise<string[]> {
    const lines: string[] = [];
    while (lines.length < count) {
      const event = await this.next();
      if (!event) throw new Error(`the stream ended after ${lines.length} of ${count} lines`);
      if (event.event === "log") lines.push(event.id ?? "");
    }
    return lines;
  }

  /** All events up to and including the first whose summary begins with `start`. */
  async readUntil(start: string): Promise<string[]> {
    const seen: string[] = [];
    for (;;) {
      const event = await this.next();
      if (!event) throw new Error(`the stream ended before ${start}, after ${seen.join(", ")}`);
      seen.push(...summary([event]));
      if (seen.at(-1)?.startsWith(start)) return seen;
    }
  }

  async rest(): Promise<StreamEvent[]> {
    const events: StreamEvent[] = [];
    for (let event = await this.next(); event; event = await this.next()) events.push(event);
    return events;
  }

  async close(): Promise<void> {
    await this.stream.return(undefined);
  }

  private async next(): Promise<StreamEvent | undefined> {
    if (this.ready.length === 0) {
      const step = await within(5_000, "the next event", this.stream.next());
      this.ready = step.done ? [] : [...step.value];
    }
    this.last = this.ready.shift();
    if (this.last?.event === "gap") this.gaps++;
    return this.last;
  }
}

async function readAll(stream: AsyncIterable<StreamEvent[]>): Promise<StreamEvent[]> {
  const events: StreamEvent[] = [];
  for await (const step of stream) events.push(...step);
  return events;
}

function summary(events: StreamEvent[]): string[] {
  return events.map(({ event, id, data }) => {
    const { status, attempt } = data as { status: string; attempt: number };
    if (event === "log") return id ?? "";
    return event === "status" ? `status ${status} ${attempt}` : event === "end" ? `end ${status}` : event;
  });
}

function placesOf(events: StreamEvent[]): string[] {
  return events.flatMap((event) => {
    if (!(event.data instanceof JsonText)) return event.event === "log" ? [event.id ?? ""] : [];
    const { attempt, seq, lines } = JSON.parse(event.data.text) as {
      attempt: number;
      seq: number;
      lines: [];
    };
    expect(event.id).toBe(`${attempt}.${seq + lines.length - 1}`);
    return placesFrom(attempt, seq, seq + lines.length - 1);
  });
}

function placesFrom(attempt: number, first: number, last: number): string[] {
  return Array.from({ length: last - first + 1 }, (_, i) => `${attempt}.${first + i}`);
}
