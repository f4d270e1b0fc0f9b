import { afterEach, beforeEach, expect, test } from "bun:test";
import { sha256Of } from "../../shared/files/sha256.ts";
import { treeLine } from "../../shared/files/tree-line.ts";
import { newId } from "../../shared/ids.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { jobOf } from "../../tests/contract/control-plane.contract.ts";
import { makeScratch, type Scratch } from "../../tests/support/scratch.ts";
import { entriesOf, type Files, packOf, storedTreeOf } from "../../tests/support/sent-files.ts";
import { type ArtifactRecord, packKey } from "../artifact/artifact-store.ts";
import { Quota } from "../artifact/quota.ts";
import { receivePack } from "../artifact/receive-pack.ts";
import { DirectoryBlobs } from "../blob/directory-blobs.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import type { Stores } from "../compose/stores.ts";
import type { JobRecord } from "../job/job-record.ts";
import { CollectTask } from "./collect-task.ts";
import { Collector, type CollectorParts, toTheEnd } from "./collector.ts";
import { pruneArtifacts } from "./prune.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const KEEP_MS = 30 * DAY_MS;
const GRACE_MS = DAY_MS;
const BUSINESS = "biz";

let scratch: Scratch;
let stores: Stores;
let blobs: DirectoryBlobs;
let nowMs = 0;
let errors: string[] = [];
beforeEach(async () => {
  scratch = await makeScratch();
  stores = openSqliteStores(":memory:");
  blobs = new DirectoryBlobs(scratch.join("artifacts"));
  await blobs.prepare();
  nowMs = Date.now();
  errors = [];
});
afterEach(async () => {
  await stores.close();
  await scratch[Symbol.asyncDispose]();
});

test("an artifact whose time is over goes with its content, and content that another one has stays", async () => {
  const going = await make({ a: "only here", b: "in both" }, { expiresAtMs: nowMs + DAY_MS });
  const staying = await make({ b: "in both" }, { expiresAtMs: undefined });
  await collect();
  expect(await idsLeft()).toEqual([going, staying].map((one) => one.artifactId));
  nowMs += 2 * DAY_MS;
  expect(await collect()).toMatchObject({ artifacts: 1, blobs: 2 });
  expect(await idsLeft()).toEqual([staying.artifactId]);
  expect(await missing("only here", "in both")).toEqual(["only here"]);
  await stores.artifacts.delete(BUSINESS, [staying.artifactId]);
  await collect();
  expect(await objects()).toEqual([]);
  expect(await stores.artifacts.scanPacks(undefined, 10)).toEqual([]);
});

test("what a job needs stays until the job has been over for as long as files are kept", async () => {
  const input = await make({ a: "input" }, { kind: "input", expiresAtMs: nowMs + HOUR_MS });
  const job = await submit({ inputs: [{ from: `artifact:${input.artifactId}` }] });
  nowMs += 100 * DAY_MS;
  await collect();
  const [kept] = await stores.artifacts.find(BUSINESS, [input.artifactId]);
  expect(kept?.expiresAtMs).toBeGreaterThan(nowMs);
  await end(job);
  nowMs += KEEP_MS - HOUR_MS;
  await collect();
  expect(await idsLeft()).toEqual([input.artifactId]);
  nowMs += 2 * DAY_MS;
  await collect();
  expect(await idsLeft()).toEqual([]);
});

test("an upload is kept as long as its own time says, and longer only for jobs that are not over", async () => {
  const upload = await make({ a: "upload" }, { expiresAtMs: nowMs + HOUR_MS });
  const job = await submit({ inputs: [{ from: `artifact:${upload.artifactId}` }] });
  nowMs += DAY_MS;
  await collect();
  expect(await idsLeft()).toEqual([upload.artifactId]);
  await end(job);
  nowMs += DAY_MS + 1;
  await collect();
  expect(await idsLeft()).toEqual([]);
});

test("the outputs of a deleted job go at once, whatever the clock shows, unless another job takes them", async () => {
  const [taken, deleted] = [await submit({ outputs: ["*"] }), await submit({ outputs: ["*"] })];
  const outputOf = ({ jobId }: JobRecord) => make({ out: jobId }, { kind: "output", jobId, attempt: 1 });
  const [needed, gone] = [await outputOf(taken), await outputOf(deleted)];
  await submit({ inputs: [{ from: `artifact:${needed.artifactId}` }] });
  for (const job of [taken, deleted]) await end(job);
  await stores.retention.deleteJobs(BUSINESS, [taken.jobId, deleted.jobId], nowMs);
  await collect({ isClockSettled: () => false });
  expect(await idsLeft()).toEqual([needed.artifactId]);
  expect(await stores.artifacts.find(BUSINESS, [gone.artifactId])).toEqual([]);
});

test("what a schedule or a template names stays, by its own id or as the output of a job", async () => {
  const job = await submit({ outputs: ["*"] });
  await end(job);
  const expiresAtMs = nowMs + HOUR_MS;
  const [data, other] = [await make({ a: "1" }, { expiresAtMs }), await make({ a: "2" }, { expiresAtMs })];
  const output = await make({ a: "3" }, { kind: "output", jobId: job.jobId, attempt: 1, expiresAtMs });
  const manifest = jobOf(BUSINESS, { inputs: [{ from: `job:${job.jobId}/**` }] }).manifest;
  await stores.schedules.insert(scheduleOf({ job: manifest }));
  await stores.templates.create({
    templateId: newId("tpl"),
    businessId: BUSINESS,
    name: "t",
    version: 1,
    content: { description: "", parameters: [], job: { inputs: [{ from: `artifact:${data.artifactId}` }] } },
    forkedFrom: undefined,
    userId: "usr",
    ownerId: "usr",
    createdAtMs: nowMs,
    updatedAtMs: nowMs,
  });
  nowMs += KEEP_MS * 2;
  await collect();
  expect(await idsLeft()).toEqual([data.artifactId, output.artifactId]);
  expect(await stores.artifacts.find(BUSINESS, [other.artifactId])).toEqual([]);
});

test("nothing is too old while the clock was only just set, and a held artifact stays", async () => {
  const held = await make({ a: "held" }, { expiresAtMs: nowMs + HOUR_MS });
  await make({ a: "other" }, { expiresAtMs: nowMs + HOUR_MS });
  nowMs += 2 * DAY_MS;
  await collect({ isClockSettled: () => false });
  expect(await idsLeft()).toHaveLength(2);
  await stores.artifacts.hold(BUSINESS, [held.artifactId], nowMs + HOUR_MS);
  await collect();
  expect(await idsLeft()).toEqual([held.artifactId]);
});

test("what is on its way stays for the grace, and goes after it", async () => {
  await send("half of an upload");
  nowMs += GRACE_MS - HOUR_MS;
  await collect();
  expect(await missing("half of an upload")).toEqual([]);
  nowMs += 2 * HOUR_MS + GRACE_MS;
  await collect();
  expect(await missing("half of an upload")).toEqual(["half of an upload"]);
  expect(await objects()).toEqual([]);
});

test("if the list of files of an artifact is lost, nothing of its business is removed, and the log says which", async () => {
  const lost = await make({ a: "lost" }, { expiresAtMs: undefined });
  const [place] = await stores.artifacts.findBlobs(BUSINESS, lost.tree.parts);
  await blobs.delete([packKey(BUSINESS, place?.packId ?? "")]);
  const going = await make({ a: "going" }, { expiresAtMs: nowMs + 1 });
  nowMs += 10 * DAY_MS;
  expect(await collect()).toMatchObject({ artifacts: 1, blobs: 0 });
  expect(await idsLeft()).not.toContain(going.artifactId);
  expect(errors.join()).toContain(lost.artifactId);
});

test("an object that no pack names is removed", async () => {
  const writer = await blobs.create(packKey(BUSINESS, newId("pack")));
  await writer.write(Buffer.from("from a server that stood still"));
  await writer.finish();
  await make({ a: "1" }, { expiresAtMs: undefined });
  expect(await objects()).toHaveLength(2);
  await collect();
  expect(await objects()).toHaveLength(1);
});

test("if the clock is set during a sweep, nothing more is removed", async () => {
  await send("old");
  nowMs += 10 * DAY_MS;
  let looks = 0;
  const now = () => (looks++ === 0 ? nowMs : nowMs - 5 * DAY_MS);
  const collected = { artifacts: 0, blobs: 0, packs: 0 };
  await toTheEnd(new Collector(partsOf({ now })).sweep(collected));
  expect(collected.blobs).toBe(0);
  expect(await missing("old")).toEqual([]);
});

test("a prune removes what is older, except what is needed; a dry run only counts", async () => {
  const needed = await make({ a: "needed" }, { expiresAtMs: undefined });
  await make({ a: "old" }, { expiresAtMs: undefined });
  await submit({ inputs: [{ from: `artifact:${needed.artifactId}` }] });
  nowMs += 10 * DAY_MS;
  const parts = { ...stores, now: () => nowMs };
  expect(await pruneArtifacts(parts, 11 * DAY_MS, true)).toBe(0);
  expect(await pruneArtifacts(parts, 9 * DAY_MS, true)).toBe(1);
  expect(await idsLeft()).toHaveLength(2);
  expect(await pruneArtifacts(parts, 9 * DAY_MS, false)).toBe(1);
  expect(await idsLeft()).toEqual([needed.artifactId]);
});

test("the task sweeps when it is asked, when something went and from time to time, but never all the time", async () => {
  const sweeps: number[] = [];
  class Watched extends Collector {
    override async *sweep() {
      sweeps.push(nowMs);
      yield;
    }
  }
  const log = { info() {}, warn() {}, error() {} };
  const now = () => nowMs;
  const task = new CollectTask({ collector: new Watched(partsOf()), log, now, isFull: () => false });
  await task.runOnce();
  expect(sweeps).toHaveLength(0);
  task.ask();
  await task.runOnce();
  expect(sweeps).toHaveLength(1);
  task.ask();
  expect((await task.runOnce()).nextDueAtMs).toBeGreaterThan(nowMs);
  expect(sweeps).toHaveLength(1);
  nowMs += 60_000;
  await task.runOnce();
  expect(sweeps).toHaveLength(2);
  await make({ a: "1" }, { expiresAtMs: nowMs + 1 });
  nowMs += 60_000;
  await task.runOnce();
  expect(sweeps).toHaveLength(3);
  nowMs += DAY_MS;
  await task.runOnce();
  expect(sweeps).toHaveLength(4);
});

function partsOf(change: Partial<CollectorParts> = {}): CollectorParts {
  return {
    ...stores,
    blobs,
    keepMs: KEEP_MS,
    graceMs: GRACE_MS,
    isClockSettled: () => true,
    now: () => nowMs,
    monotonicMs: () => nowMs,
    log: { info() {}, warn() {}, error: (message) => errors.push(message) },
    ...change,
  };
}

async function collect(change: Partial<CollectorParts> = {}) {
  const collector = new Collector(partsOf(change));
  const collected = { artifacts: 0, blobs: 0, packs: 0 };
  await toTheEnd(collector.expire(collected));
  await toTheEnd(collector.sweep(collected));
  return collected;
}

async function send(...contents: (string | Uint8Array)[]): Promise<void> {
  const pack = packOf(...contents);
  async function* once() {
    yield pack;
  }
  const quota = new Quota(stores.artifacts, { maxBytes: undefined, maxBytesOf: new Map() });
  const parts = { artifacts: stores.artifacts, blobs, now: () => nowMs, quota };
  await receivePack(parts, BUSINESS, { announced: pack.length, [Symbol.asyncIterator]: once });
}

/** An artifact with these files. */
async function make(files: Files, change: Partial<ArtifactRecord>): Promise<ArtifactRecord> {
  const { tree, blobs: parts } = storedTreeOf(entriesOf(files).map(treeLine).join(""));
  await send(...Object.values(files), ...parts);
  const artifact: ArtifactRecord = {
    artifactId: newId("art"),
    businessId: BUSINESS,
    userId: "usr",
    kind: "upload",
    name: "files",
    type: "directory",
    tree,
    files: 1,
    bytes: 1,
    jobId: undefined,
    executionId: undefined,
    attempt: undefined,
    createdAtMs: nowMs,
    expiresAtMs: nowMs + KEEP_MS,
    ...change,
  };
  await stores.artifacts.begin({ ...artifact, expiresAtMs: nowMs + HOUR_MS });
  expect(await stores.artifacts.insert(artifact)).toBe(true);
  return artifact;
}

async function submit(manifest: Partial<JobManifestInput>): Promise<JobRecord> {
  const job = jobOf(BUSINESS, manifest);
  await stores.jobs.insert([{ job, idempotency: undefined }]);
  return job;
}

async function end(job: JobRecord): Promise<void> {
  const { jobId, businessId } = job;
  const ended = { ...job, status: "SUCCESS" as const, finishedAtMs: nowMs };
  await stores.jobs.change([
    { key: { jobId, businessId }, decide: () => ({ job: ended, result: undefined }) },
  ]);
}

async function idsLeft(): Promise<string[]> {
  return (await stores.artifacts.scanArtifacts(undefined, 100)).map((one) => one.artifactId);
}

/** Those of the contents that the server does not have. Touches nothing. */
async function missing(...contents: string[]): Promise<string[]> {
  const digests = contents.map((content) => sha256Of(Buffer.from(content)));
  const found = (await stores.artifacts.findBlobs(BUSINESS, digests)).map((place) => place.sha256);
  return contents.filter((_, i) => !found.includes(digests[i] ?? ""));
}

function objects() {
  return blobs.list(undefined, 100);
}

function scheduleOf(work: { job: JobRecord["manifest"] }) {
  return {
    scheduleId: newId("sch"),
    businessId: BUSINESS,
    userId: "usr",
    name: undefined,
    status: "ACTIVE" as const,
    cron: "@daily",
    timeZone: "UTC",
    overlap: "forbid" as const,
    misfire: "once" as const,
    misfireWindowSeconds: 0,
    jitterSeconds: 0,
    work,
    pauseReason: undefined,
    nextDueAtMs: 1,
    nextFireAtMs: 1,
    lastDueAtMs: undefined,
    fireCount: 0,
    createdAtMs: 0,
  };
}
