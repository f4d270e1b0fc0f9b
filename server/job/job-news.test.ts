import { afterEach, expect, test } from "bun:test";
import type { JobStatus } from "../../shared/job-state.ts";
import { jobManifest } from "../../shared/manifest.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { JobNews } from "./job-news.ts";
import type { JobRecord } from "./job-record.ts";
import { newJob } from "./job-rules.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const businessId = "biz";
let bus = new MemoryBus();
afterEach(async () => {
  await bus.close();
  bus = new MemoryBus();
});

/** The announcements in order, a word or two each. */
function newsOf(announce: (news: JobNews) => void): string[] {
  const said: string[] = [];
  const ends = [
    bus.subscribe("jobs", ({ jobIds }) => void said.push(`jobs ${jobIds.length}`)),
    bus.subscribe("node", ({ nodeId }) => void said.push(`node ${nodeId}`)),
    bus.subscribe("wake", ({ nodeId }) => void said.push(nodeId ? `wake ${nodeId}` : "wake all")),
  ];
  const due = {
    start: (atMs: number) => void said.push(`start +${atMs - AT_MS}`),
    expiry: (atMs: number) => void said.push(`expiry +${atMs - AT_MS}`),
  };
  announce(new JobNews(bus, due));
  for (const end of ends) end();
  return said;
}

const jobOf = (changes: Partial<JobRecord> = {}): JobRecord => ({
  ...newJob({ businessId, userId: "usr" }, jobManifest.parse({ command: "true" }), {}, AT_MS),
  ...changes,
});

test("every change is announced to those who wait for the job; the dispatcher is woken if the job can be handed out", () => {
  const cases: [JobStatus, Partial<JobRecord>, ...string[]][] = [
    ["QUEUED", {}, "jobs 1", "wake all"],
    ["QUEUED", { gate: "after" }, "jobs 1"],
    ["QUEUED", { gate: "group" }, "jobs 1"],
    ["QUEUED", { gate: "array" }, "jobs 1"],
    ["QUEUED", { notBeforeMs: AT_MS + 5 }, "jobs 1", "start +5"],
    ["QUEUED", { queueDeadlineMs: AT_MS + 7 }, "jobs 1", "expiry +7", "wake all"],
    ["ASSIGNED", { nodeId: "a" }, "jobs 1"],
    ["ASSIGNED", { nodeId: "a", cancelRequestedAtMs: AT_MS }, "jobs 1", "node a"],
    ["RUNNING", { nodeId: "a" }, "jobs 1"],
    ["RUNNING", { nodeId: "a", cancelRequestedAtMs: AT_MS }, "jobs 1", "node a"],
    ["SUCCESS", { nodeId: "a" }, "jobs 1"],
    ["FAILED", { nodeId: "a" }, "jobs 1"],
    ["TIMEOUT", { queueDeadlineMs: undefined }, "jobs 1"],
    ["CANCELLED", { cancelRequestedAtMs: AT_MS }, "jobs 1"],
  ];
  for (const [status, changes, ...expected] of cases) {
    const said = newsOf((news) => news.changed([jobOf({ status, ...changes })]));
    expect({ status, changes, said }).toEqual({ status, changes, said: expected });
  }
});

test("each node whose executions ended is woken once to look for work", () => {
  const node = (nodeId: string) => ({ nodeId, businessId });
  const ended = [jobOf({ status: "SUCCESS" }), jobOf({ status: "FAILED" })];
  const said = newsOf((news) => news.changed(ended, [node("a"), node("b"), node("a")]));
  expect(said).toEqual(["jobs 2", "wake a", "wake b"]);
});

test("when many jobs are submitted, the tasks get the earliest times, and the dispatcher is woken once", () => {
  const jobs = [9, 3, 6].flatMap((seconds) => [
    jobOf({ notBeforeMs: AT_MS + seconds }),
    jobOf({ queueDeadlineMs: AT_MS + 10 * seconds }),
  ]);
  expect(newsOf((news) => news.submitted(jobs))).toEqual(["start +3", "expiry +30", "wake all"]);
  expect(newsOf((news) => news.submitted([]))).toEqual([]);
});

test("jobs of several businesses are announced to each of them", () => {
  const jobs = [jobOf(), jobOf({ businessId: "other" }), jobOf()];
  expect(newsOf((news) => news.changed(jobs))).toEqual(["jobs 2", "jobs 1", "wake all", "wake all"]);
});
