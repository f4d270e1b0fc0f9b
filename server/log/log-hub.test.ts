import { expect, test } from "bun:test";
import { countOf, packLines } from "../../shared/packed-lines.ts";
import { logLines } from "../../tests/support/log-world.ts";
import { quickest } from "../../tests/support/wait.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { FOLLOWED_LINES, type LiveBatch, LogHub, type LogSubscription } from "./log-hub.ts";

test("a late subscriber begins with the last 500 lines, or a few more if a batch reaches further back", () => {
  using hub = openHub();
  for (let seq = 1; seq <= 1_000; seq += 30) hub.publish("job_a", seq, seq + 29);
  const batches = takeAll(hub.hub.subscribe("job_a"));
  expect(lastSeq(batches)).toBe(1_020);
  expect(lineCount(batches)).toBeGreaterThanOrEqual(500);
  expect(lineCount(batches)).toBeLessThan(530);
});

test("a job that nobody follows keeps only its tail", () => {
  using hub = openHub();
  for (let seq = 1; seq <= 100_000; seq += 100) hub.publish("job_a", seq, seq + 99);
  expect(hub.hub.size.bytes).toBeLessThan(600 * 250);
});

test("a subscriber that does not read misses the oldest lines and learns exactly how many", () => {
  using hub = openHub();
  const subscription = hub.hub.subscribe("job_a");
  for (let seq = 1; seq <= 25_000; seq += 500) hub.publish("job_a", seq, seq + 499);
  const { missed, batches } = subscription.take(1_000_000);
  expect(missed).toBe(25_000 - FOLLOWED_LINES);
  expect(batches[0]?.firstSeq).toBe(missed + 1);
  expect(lineCount(batches) + missed).toBe(25_000);
  expect(subscription.take(1_000_000)).toEqual({ missed: 0, batches: [] });
});

test("a slow subscriber costs a fast subscriber no line", () => {
  using hub = openHub();
  hub.hub.subscribe("job_a");
  const quick = hub.hub.subscribe("job_a");
  let seen = 0;
  for (let seq = 1; seq <= 25_000; seq += 500) {
    hub.publish("job_a", seq, seq + 499);
    seen += lineCount(takeAll(quick));
  }
  expect(seen).toBe(25_000);
});

test("a subscriber is woken once by new lines, and immediately if there are some", () => {
  using hub = openHub();
  const subscription = hub.hub.subscribe("job_a");
  let woken = 0;
  subscription.whenNews(() => woken++);
  hub.publish("job_a", 1, 1);
  hub.publish("job_a", 2, 2);
  expect(woken).toBe(1);
  subscription.whenNews(() => woken++);
  expect(woken).toBe(2);
  takeAll(subscription);
  subscription.whenNews(() => woken++);
  expect(woken).toBe(2);
  hub.publish("job_b", 1, 1);
  expect(woken).toBe(2);
});

test("a thousand stalled subscribers cost the publisher next to nothing", async () => {
  using hub = openHub();
  const lines = logLines(1, 500);
  const publishAll = () => {
    const startedAtMs = performance.now();
    for (let i = 0; i < 2_000; i++) hub.publishLines("job_a", lines);
    return performance.now() - startedAtMs;
  };
  hub.hub.subscribe("job_a");
  publishAll();
  const aloneMs = publishAll();
  for (let i = 0; i < 1_000; i++) hub.hub.subscribe("job_a");
  const limitMs = aloneMs * 3 + 20;
  expect(await quickest(limitMs, async () => publishAll())).toBeLessThan(limitMs);
});

test("when the memory for all jobs is full, the job that was quiet the longest is dropped", () => {
  using hub = openHub();
  const text = "x".repeat(32_000);
  const lines = logLines(1, 500).map((line) => ({ ...line, text }));
  const first = hub.hub.subscribe("job_0");
  for (let job = 0; job < 40; job++) hub.publishLines(`job_${job}`, lines);
  expect(hub.hub.size.bytes).toBeLessThanOrEqual(256 * 1024 * 1024);
  expect(first.take(1_000)).toEqual({ missed: 0, batches: [] });
  hub.publish("job_0", 501, 501);
  const { missed, batches } = first.take(1_000);
  expect({ missed, last: lastSeq(batches) }).toEqual({ missed: 500, last: 501 });
});

test("a job without lines is forgotten when its last follower leaves", () => {
  using hub = openHub();
  hub.hub.subscribe("job_a").close();
  expect(hub.hub.size).toEqual({ jobs: 0, bytes: 0 });
});

function openHub() {
  const bus = new MemoryBus();
  const hub = new LogHub(bus);
  const publishLines = (jobId: string, lines: ReturnType<typeof logLines>) =>
    bus.publish("logs", { jobId, executionId: `exe_of_${jobId}`, attempt: 1, ...packLines(lines) });
  return {
    hub,
    publishLines,
    publish: (jobId: string, first: number, last: number) => publishLines(jobId, logLines(first, last)),
    [Symbol.dispose]: () => hub.close(),
  };
}

function takeAll(subscription: LogSubscription): LiveBatch[] {
  return subscription.take(1_000_000).batches;
}

function lineCount(batches: LiveBatch[]): number {
  return batches.reduce((sum, batch) => sum + countOf(batch), 0);
}

function lastSeq(batches: LiveBatch[]): number | undefined {
  return batches.at(-1)?.lastSeq;
}
