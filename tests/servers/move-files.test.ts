import { expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packOf } from "../../server/artifact/artifact-store.ts";
import type { BlobStore } from "../../server/blob/blob-store.ts";
import { DirectoryBlobs } from "../../server/blob/directory-blobs.ts";
import { artifactsPlaceOf } from "../../server/compose/artifacts-place.ts";
import { blobsAt } from "../../server/compose/open-blobs.ts";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { openMongoStores } from "../../server/compose/open-stores.ts";
import { newId } from "../../shared/ids.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";
import { missingMoto, TestS3 } from "../support/moto.ts";
import { Running, runProgram } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { type StoredFiles, storeFiles } from "../support/store-files.ts";

const MIB = 1024 * 1024;
const BUSINESS = newId("biz");
const mongo = forAllTests(await TestMongo.start());
let databases = 0;

test("files move into GridFS; artifacts there have the same bytes, and a server starts on them", async () => {
  await using source = await filledSource(6);
  const url = newDatabase();
  const dry = await migrate(source, url, ["--dry-run"]);
  expect(dry.stdout).toMatch(/files\s+7\s/);
  const moved = await migrate(source, url, ["--json"]);
  expect(moved).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(moved.stdout).files).toMatchObject({
    place: "GridFS",
    packs: 7,
    damaged: [],
    same: true,
  });
  await using stores = disposable(await openMongoStores(url));
  const blobs = blobsAt({ kind: "gridfs" }, "", stores);
  expect(await contentAt(blobs, source.stored)).toEqual(await contentAt(source.blobs, source.stored));
  expect((await stores.artifacts.find(BUSINESS, [source.stored.artifact.artifactId])).length).toBe(1);
  await using server = new Running(source.scratch.path, ["server", "--port", "0"], { TANVRIT_STORE: url });
  await server.said(/listening on/);
});

test.skipIf(missingMoto() !== undefined)("files move into a bucket, and from one", async () => {
  await using s3 = await TestS3.start();
  const bucket = await s3.newBucket();
  await using source = await filledSource(3);
  const url = newDatabase();
  const moved = await migrate(source, url, ["--artifacts", `s3://${bucket}/x`], s3.env);
  expect(moved).toMatchObject({ exitCode: 0 });
  expect(moved.stderr).toContain(`Start servers with this --store and --artifacts s3://${bucket}/x,`);
  const inBucket = blobsAt(
    artifactsPlaceOf(`s3://${bucket}/x`, s3.env, s3.endpoint),
    source.scratch.path,
    {},
  );
  expect(await contentAt(inBucket, source.stored)).toEqual(await contentAt(source.blobs, source.stored));

  rmSync(source.scratch.join("artifacts"), { recursive: true });
  const second = newDatabase();
  const from = await migrate(source, second, ["--from-artifacts", `s3://${bucket}/x`], s3.env);
  expect(from).toMatchObject({ exitCode: 0 });
  await using stores = disposable(await openMongoStores(second));
  const blobs = blobsAt({ kind: "gridfs" }, "", stores);
  expect(await contentAt(blobs, source.stored)).toEqual(await contentAt(inBucket, source.stored));

  const gone = { ...s3.env, TANVRIT_ARTIFACTS_ENDPOINT: "http://127.0.0.1:1" };
  const refused = await migrate(source, newDatabase(), ["--artifacts", `s3://${bucket}/y`], gone);
  expect(refused).toMatchObject({ exitCode: 69 });
  expect(refused.stderr).toContain("nothing answers at its endpoint. Check --artifacts-endpoint");
});

test("a move of files that was killed goes on where it was, and leaves nothing half-written", async () => {
  await using source = await filledSource(60);
  const url = newDatabase();
  const args = ["server", "migrate", "--from", `sqlite:${source.scratch.path}`, "--to", url];
  await using first = new Running(source.scratch.path, args);
  await first.said(/files: \d+ of 61/);
  await first.stop("SIGKILL");
  await using server = new Running(source.scratch.path, ["server", "--port", "0"], { TANVRIT_STORE: url });
  expect(await server.ended()).toBe(69);

  const before = await copiedAt(url);
  expect(before.length).toBeGreaterThan(0);
  expect(before.length).toBeLessThan(61);
  expect(await migrate(source, url)).toMatchObject({ exitCode: 0 });
  const after = await copiedAt(url);
  expect(after).toHaveLength(61);
  // What was there has not been written again.
  expect(after).toEqual(expect.arrayContaining(before));
  await using stores = disposable(await openMongoStores(url));
  const blobs = blobsAt({ kind: "gridfs" }, "", stores);
  expect(await contentAt(blobs, source.stored)).toEqual(await contentAt(source.blobs, source.stored));
});

test("files that are missing or damaged in the source stop the move and are named; it moves the rest if told to", async () => {
  await using source = await filledSource(5);
  const [missing = "", damaged = ""] = Object.values(source.stored.packs);
  const fileOf = (key: string) => fileBelow(source.scratch.join("artifacts"), packOf(key).packId);
  rmSync(fileOf(missing));
  const bytes = readFileSync(fileOf(damaged));
  bytes[MIB / 2] = (bytes[MIB / 2] ?? 0) ^ 1;
  writeFileSync(fileOf(damaged), bytes);
  const url = newDatabase();
  const refused = await migrate(source, url);
  expect(refused).toMatchObject({ exitCode: 65, stdout: "" });
  expect(refused.stderr).toContain("2 packs of files are missing or damaged in the data directory");
  expect(refused.stderr).toContain(missing);
  expect(refused.stderr).toContain("--from-artifacts");
  const moved = await migrate(source, url, ["--leave-damaged"]);
  expect(moved).toMatchObject({ exitCode: 0 });
  expect(moved.stderr).toContain("2 packs of files were missing or damaged, and were not moved");
  expect(await copiedAt(url)).toHaveLength(4);
});

test("a file that was damaged on its way is noticed and copied again", async () => {
  await using source = await filledSource(2);
  const url = newDatabase();
  expect(await migrate(source, url)).toMatchObject({ exitCode: 0 });
  await mongo.withClient(async (client) => {
    const db = client.db(new URL(url).pathname.slice(1));
    await db.collection("compute_moves").updateOne({}, { $unset: { finished_at: "" } });
    const [chunk] = await db.collection("compute_artifacts.chunks").find().limit(1).toArray();
    const data = Buffer.from(chunk?.data.buffer).fill(7, 100, 200);
    await db.collection("compute_artifacts.chunks").updateOne({ _id: chunk?._id }, { $set: { data } });
  });
  expect(await migrate(source, url)).toMatchObject({ exitCode: 0 });
  await using stores = disposable(await openMongoStores(url));
  const blobs = blobsAt({ kind: "gridfs" }, "", stores);
  expect(await contentAt(blobs, source.stored)).toEqual(await contentAt(source.blobs, source.stored));
});

interface Source extends AsyncDisposable {
  scratch: Scratch;
  blobs: BlobStore;
  stored: StoredFiles;
}

/** A data directory with an artifact of so many files of 1 MiB, as a server leaves it. */
async function filledSource(files: number): Promise<Source> {
  const scratch = await makeScratch();
  const stores = openSqliteStores(scratch.path);
  await stores.sessions.secret("test");
  const blobs = new DirectoryBlobs(scratch.join("artifacts"));
  await blobs.prepare();
  const content = Array.from({ length: files }, (_, i) => [`file-${i}`, noise(MIB + i)] as const);
  const stored = await storeFiles(stores, blobs, BUSINESS, Object.fromEntries(content));
  await stores.close();
  return { scratch, blobs, stored, [Symbol.asyncDispose]: () => scratch[Symbol.asyncDispose]() };
}

/** The digest of each pack. */
async function contentAt(blobs: BlobStore, { packs }: StoredFiles): Promise<Record<string, string>> {
  const sizes = new Map((await blobs.list(undefined, 1_000)).map(({ key, bytes }) => [key, bytes]));
  const found: Record<string, string> = {};
  for (const [name, key] of Object.entries(packs)) {
    const hash = new Bun.CryptoHasher("sha256");
    for await (const chunk of blobs.read(key, 0, sizes.get(key) ?? 0)) hash.update(chunk);
    found[name] = hash.digest("hex");
  }
  return found;
}

/** When each pack in the database was stored. */
function copiedAt(url: string): Promise<string[]> {
  return mongo.withClient(async (client) => {
    const files = client.db(new URL(url).pathname.slice(1)).collection("compute_artifacts.files");
    return (await files.find().toArray()).map(({ _id, uploadDate }) => `${_id} ${uploadDate.toISOString()}`);
  });
}

function migrate({ scratch }: Source, url: string, args: string[] = [], env: Record<string, string> = {}) {
  const command = ["server", "migrate", "--from", `sqlite:${scratch.path}`, "--to", url, ...args];
  return runProgram(scratch.path, command, { env, timeoutMs: 60_000 });
}

function fileBelow(dir: string, name: string): string {
  const found = readdirSync(dir, { recursive: true }).find((path) => String(path).endsWith(name));
  if (!found) throw new Error(`${name} is not below ${dir}`);
  return join(dir, String(found));
}

function disposable<T extends { close(): Promise<void> }>(closed: T): T & AsyncDisposable {
  return Object.assign(closed, { [Symbol.asyncDispose]: () => closed.close() });
}

function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}

function newDatabase(): string {
  databases++;
  return mongo.url(`move_files_${databases}`);
}
