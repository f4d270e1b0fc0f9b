/**
 * What a server does with files, and nothing else: many submitters send overlapping trees while the collector runs all the
 * time with hardly any grace. Run as a program of its own, so that a test can kill it:
 *
 *     bun tests/support/collecting-server.ts race|drain sqlite|mongodb PLACE
 *
 * `race` goes on until it is killed, and says `ok` for every artifact of which no blob was missing, or `LOST` and why.
 * `drain` collects what is left when everything has expired, and says what is left then, as JSON.
 */
import { ArtifactService } from "../../server/artifact/artifact-service.ts";
import { MongoArtifactStore } from "../../server/artifact/artifact-store.mongo.ts";
import { SqliteArtifactStore } from "../../server/artifact/artifact-store.sqlite.ts";
import { type ArtifactRecord, type ArtifactStore, packKey } from "../../server/artifact/artifact-store.ts";
import { Quota } from "../../server/artifact/quota.ts";
import { receivePack } from "../../server/artifact/receive-pack.ts";
import type { BlobStore } from "../../server/blob/blob-store.ts";
import { DirectoryBlobs } from "../../server/blob/directory-blobs.ts";
import { GridFsBlobs } from "../../server/blob/gridfs-blobs.ts";
import { Collector, toTheEnd } from "../../server/collect/collector.ts";
import { mongoSteps } from "../../server/compose/open-mongo.ts";
import { sqliteMigrations } from "../../server/compose/open-sqlite.ts";
import { MongoJobStore } from "../../server/job/job-store.mongo.ts";
import { SqliteJobStore } from "../../server/job/job-store.sqlite.ts";
import type { JobStore } from "../../server/job/job-store.ts";
import { RecentJobs } from "../../server/job/recent-jobs.mongo.ts";
import { MongoStore } from "../../server/store/mongo.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { ComputeError } from "../../shared/errors.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { blobsOf, treeEntry } from "../../shared/files/tree.ts";
import { treeLine } from "../../shared/files/tree-line.ts";
import { entriesOf, type Files, packOf, storedTreeOf } from "./sent-files.ts";

interface Parts {
  artifacts: ArtifactStore;
  jobs: JobStore;
  blobs: BlobStore;
}

const [mode, kind, place = ""] = process.argv.slice(2);
/** MongoDB is slower, and two servers share it. */
const [SUBMITTERS, SLOWER] = kind === "mongodb" ? [25, 6] : [50, 1];
const GRACE_MS = 40 * SLOWER;
/** A tree is sent by all at about the same time, and then by nobody until the collector has removed it. */
const EPOCH_MS = 150 * SLOWER;
const EPOCHS = 4;
const HOLD_MS = 400 * SLOWER;
/** Several collectors at once, as after a server lost its lease and does not know yet. */
const COLLECTORS = kind === "mongodb" ? 1 : 3;
const MAX_TRIES = 200;
const DRAIN_MS = 3 * 3_600_000;
const signal = new AbortController().signal;
const by = { businessId: "biz_race", userId: "usr_race" };

const parts = await (kind === "sqlite" ? openSqlite(place) : openMongo(place));
await parts.blobs.prepare();
if (mode === "drain") await drain(parts);
else await race(parts);

async function race(parts: Parts): Promise<void> {
  // What another process left when it was killed.
  await verifyAll(parts);
  const collect = async () => {
    for (;;) await collectOnce(parts, Date.now);
  };
  const collectors = Array.from({ length: COLLECTORS }, collect);
  await Promise.all([...collectors, ...Array.from({ length: SUBMITTERS }, (_, i) => submitter(parts, i))]);
}

async function submitter(parts: Parts, number: number): Promise<void> {
  const service = new ArtifactService({
    ...hesitant(parts),
    now: Date.now,
    keepMs: HOLD_MS,
    findExecution: async () => undefined,
  });
  for (let round = 0; ; round++) {
    const epoch = Math.floor(Date.now() / EPOCH_MS) % EPOCHS;
    const files = filesOf(epoch, number, round);
    const artifact = await send(parts, service, files);
    // As the submit of a job does.
    const heldUntilMs = Date.now() + HOLD_MS;
    const held = await parts.artifacts.hold(by.businessId, [artifact.artifactId], heldUntilMs);
    if (held.length > 0) {
      await Bun.sleep((Math.random() * HOLD_MS) / 2);
      await verify(parts, artifact, () => Date.now() < heldUntilMs);
    }
    await Bun.sleep(Math.random() * EPOCH_MS);
  }
}

/** Some files are in every tree of an epoch, some in the trees of every second epoch, and a few are new. */
function filesOf(epoch: number, number: number, round: number): Files {
  const files: Record<string, string> = {};
  for (let i = 0; i < 20; i++) files[`epoch-${i}`] = `${epoch}/${i}`;
  for (let i = 0; i < 10; i++) files[`shared-${i}`] = `${epoch % 2}/${i}`;
  if (number % 2 === 0) files.own = `${process.pid}/${number}/${round}`;
  return files;
}

/** Sends what is missing and creates the artifact, as a client does. */
async function send(parts: Parts, service: ArtifactService, files: Files): Promise<ArtifactRecord> {
  const { tree, blobs } = storedTreeOf(entriesOf(files).map(treeLine).join(""));
  const contents = [...blobs, ...Object.values(files).map((content) => Buffer.from(content as string))];
  const byDigest = new Map(contents.map((content) => [sha256Of(content), content]));
  let missing = [...byDigest.keys()];
  for (let tries = 0; tries < MAX_TRIES; tries++) {
    const sizes = await parts.artifacts.touchBlobs(by.businessId, missing, Date.now());
    missing = missing.filter((_, i) => sizes[i] === undefined);
    if (missing.length > 0)
      await sendPack(
        parts,
        missing.flatMap((digest) => byDigest.get(digest) ?? []),
      );
    const input = {
      name: "tree",
      kind: "upload",
      type: "directory",
      tree,
      ttlSeconds: HOLD_MS / 1_000,
    } as const;
    const created = await service.createByUser(by, input, signal);
    if ("artifact" in created) return created.artifact;
    missing = created.missing;
  }
  return fail(`an upload did not come to an end in ${MAX_TRIES} tries`);
}

async function sendPack(parts: Parts, contents: Uint8Array[]): Promise<void> {
  const pack = packOf(...contents);
  const body = {
    announced: pack.length,
    async *[Symbol.asyncIterator]() {
      yield pack;
    },
  };
  const quota = new Quota(parts.artifacts, { maxBytes: undefined, maxBytesOf: new Map() });
  try {
    await receivePack({ ...hesitant(parts), now: Date.now, quota }, by.businessId, body);
  } catch (error) {
    // The collector had already given the pack up.
    if (!(error instanceof ComputeError && error.code === "unavailable")) throw error;
  }
}

async function verifyAll(parts: Parts): Promise<void> {
  for (let afterId: string | undefined; ; ) {
    const page = await parts.artifacts.scanArtifacts(afterId, 100);
    const ids = page.map((one) => one.artifactId);
    for (const artifact of await parts.artifacts.find(by.businessId, ids)) {
      const stays = async () => (await parts.artifacts.find(by.businessId, [artifact.artifactId])).length > 0;
      await verify(parts, artifact, stays);
    }
    afterId = ids.at(-1);
    if (page.length < 100) return;
  }
}

/** Reads everything that the artifact needs. What is missing only counts if the artifact still had to be there. */
async function verify(
  parts: Parts,
  { tree, artifactId }: ArtifactRecord,
  stays: () => boolean | Promise<boolean>,
): Promise<void> {
  const problem = await lackOf(parts, tree.parts).catch((error) => String(error));
  if (!(await stays())) return;
  if (problem !== undefined) fail(`${artifactId}: ${problem}`);
  console.log("ok");
}

async function lackOf(parts: Parts, treeParts: readonly string[]): Promise<string | undefined> {
  const text = (await contentsOf(parts, treeParts)).toString();
  const entries = text
    .split("\n")
    .filter(Boolean)
    .map((line) => treeEntry.parse(JSON.parse(line)));
  const files = entries.flatMap((entry) => (entry.type === "file" ? blobsOf(entry) : []));
  await contentsOf(
    parts,
    files.map((blob) => blob.sha256),
  );
  return undefined;
}

async function contentsOf(parts: Parts, digests: readonly string[]): Promise<Buffer> {
  const places = new Map(
    (await parts.artifacts.findBlobs(by.businessId, digests)).map((one) => [one.sha256, one]),
  );
  const contents: Uint8Array[] = [];
  for (const digest of digests) {
    const found = places.get(digest);
    if (!found) throw new Error(`blob ${digest} is missing`);
    const chunks: Uint8Array[] = [];
    const key = packKey(by.businessId, found.packId);
    for await (const chunk of parts.blobs.read(key, found.offset, found.bytes)) chunks.push(chunk.slice());
    const content = Buffer.concat(chunks);
    if (sha256Of(content) !== digest) throw new Error(`blob ${digest} has other content`);
    contents.push(content);
  }
  return Buffer.concat(contents);
}

async function drain(parts: Parts): Promise<void> {
  await verifyAll(parts);
  const later = () => Date.now() + DRAIN_MS;
  await collectOnce(parts, later);
  const { artifacts, blobs } = parts;
  const left = {
    artifacts: (await artifacts.scanArtifacts(undefined, 1_000)).length,
    blobs: (await artifacts.scanBlobs(undefined, later(), 1_000)).old.length,
    packs: (await artifacts.scanPacks(undefined, 1_000)).length,
    objects: (await blobs.list(undefined, 1_000)).length,
  };
  console.log(JSON.stringify(left));
  process.exit(0);
}

async function collectOnce(parts: Parts, now: () => number): Promise<void> {
  const collector = new Collector({
    ...hesitant(parts, 0.02),
    schedules: { list: async () => [] },
    templates: { list: async () => [] },
    keepMs: 0,
    isClockSettled: () => true,
    graceMs: GRACE_MS,
    now,
    monotonicMs: () => performance.now(),
    log: { info() {}, warn: console.error, error: console.error },
  });
  const collected = { artifacts: 0, blobs: 0, packs: 0 };
  await toTheEnd(collector.expire(collected));
  await toTheEnd(collector.sweep(collected));
}

/** The same parts on a server that often stands still, before or after it asks the index, for longer than the grace. */
function hesitant(parts: Parts, chance = 0.15): Parts {
  const pause = () => (Math.random() < chance ? Bun.sleep(Math.random() * 3 * GRACE_MS) : undefined);
  const artifacts = new Proxy(parts.artifacts, {
    get:
      (store, name: keyof ArtifactStore) =>
      async (...args: never[]) => {
        await pause();
        const answer = await (store[name] as (...args: never[]) => Promise<unknown>)(...args);
        await pause();
        return answer;
      },
  });
  return { ...parts, artifacts };
}

async function openSqlite(dir: string): Promise<Parts> {
  const store = new SqliteStore(`${dir}/compute.db`, sqliteMigrations);
  return {
    artifacts: new SqliteArtifactStore(store, 0),
    jobs: new SqliteJobStore(store),
    blobs: new DirectoryBlobs(`${dir}/artifacts`),
  };
}

async function openMongo(url: string): Promise<Parts> {
  const store = await MongoStore.open(url, mongoSteps);
  // As every server does: what a killed one was writing stays locked otherwise.
  setInterval(() => store.endAbandoned().catch(console.error), 2_000);
  return {
    artifacts: new MongoArtifactStore(store, 0),
    jobs: new MongoJobStore(store, new RecentJobs()),
    blobs: new GridFsBlobs(store),
  };
}

function fail(why: string): never {
  console.log(`LOST ${why}`);
  process.exit(3);
}
