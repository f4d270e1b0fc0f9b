import { afterEach, beforeEach, expect, test } from "bun:test";
import { openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../../shared/files/sha256.ts";
import type { Logger } from "../../shared/logger.ts";
import { makeScratch, type Scratch } from "../../tests/support/scratch.ts";
import { BlobCache } from "./blob-cache.ts";
import { BlobReader, LostBlobError } from "./blob-reader.ts";

const log: Logger = { info() {}, warn() {}, error() {} };
const LARGE_BYTES = 300 * 1024;

let scratch: Scratch;
let cache: BlobCache;

beforeEach(async () => {
  scratch = await makeScratch();
  cache = new BlobCache({ dir: scratch.path, maxBytes: () => 1e9, log }, []);
});

afterEach(async () => {
  cache.close();
  await scratch[Symbol.asyncDispose]();
});

/** Stores the contents in one pack, one after the other. */
async function store(contents: readonly Buffer[]): Promise<void> {
  const pack = await cache.newPack("set");
  for (const content of contents) {
    await pack.write(content);
    pack.endBlob(sha256Of(content));
  }
  await pack.finish();
}

function contents(name: string, count = 200): Buffer[] {
  return Array.from({ length: count }, (_, i) => Buffer.from(`${name} ${i} `.repeat(1 + (i % 50))));
}

/** Reads each content, and compares it. */
async function expectAll(wanted: readonly Buffer[]): Promise<void> {
  const reader = new BlobReader(cache.dir);
  for (const content of wanted)
    expect(Buffer.from(await reader.read(sha256Of(content), content.length)).equals(content)).toBe(true);
  reader.close();
}

test("blobs are read in any order of packs: as they lie there, backwards, twice, and from several in turns", async () => {
  const [a, b] = [contents("a"), contents("b")];
  await store(a);
  await store(b);
  await expectAll([...a, ...b]);
  await expectAll(a.toReversed());
  await expectAll(a.flatMap((one) => [one, one]));
  await expectAll(a.flatMap((one, i) => [one, b[i] ?? one]));
  await expectAll(a.filter((_, i) => i % 10 < 7));
});

test("large blobs between small ones are read as they are", async () => {
  const all = contents("small", 60).map((one, i) => (i % 9 === 4 ? Buffer.alloc(LARGE_BYTES, `${i} `) : one));
  await store(all);
  await expectAll(all);
});

test("a damaged blob in the middle of a pack is lost, and those around it are read", async () => {
  const all = contents("all", 40);
  await store(all);
  const before = all.slice(0, 20).reduce((sum, one) => sum + one.length, 0);
  const pack = cache.packOf(sha256Of(all[20] ?? Buffer.of()));
  writeSync(openSync(join(cache.dir, `${pack}.pack`), "r+"), "X", before);
  await expectAll(all.slice(0, 20));
  await expectAll(all.slice(21));
  const reader = new BlobReader(cache.dir);
  const outcomes = [];
  for (const content of all) outcomes.push(await outcome(reader, content));
  expect(outcomes.filter((one) => one instanceof LostBlobError)).toHaveLength(1);
  expect(outcomes[20]).toBeInstanceOf(LostBlobError);
  reader.close();
});

test("blobs that come into the cache while others are read are found", async () => {
  const [first, second] = [contents("first", 20), contents("second", 20)];
  await store(first);
  const reader = new BlobReader(cache.dir);
  for (const content of first) await reader.read(sha256Of(content), content.length);
  await store(second);
  for (const content of second)
    expect(Buffer.from(await reader.read(sha256Of(content), content.length)).equals(content)).toBe(true);
  reader.close();
});

async function outcome(reader: BlobReader, content: Buffer): Promise<unknown> {
  try {
    const read = Buffer.from(await reader.read(sha256Of(content), content.length));
    return read.equals(content) ? "read" : "another content";
  } catch (error) {
    return error;
  }
}
