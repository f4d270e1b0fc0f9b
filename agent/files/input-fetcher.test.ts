import { expect, test } from "bun:test";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../../shared/files/sha256.ts";
import type { Logger } from "../../shared/logger.ts";
import { PlayedBlobs } from "../../tests/support/agent/played-blobs.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import { BlobCache } from "./blob-cache.ts";
import { BlobReader, LostBlobError } from "./blob-reader.ts";
import { type FetchProgress, InputFetcher } from "./input-fetcher.ts";

const log: Logger = { info() {}, warn() {}, error() {} };
const never = new AbortController().signal;

function makeCache(dir: string, maxBytes = 1e9, live: string[] = []): BlobCache {
  return new BlobCache({ dir, maxBytes: () => maxBytes, log }, live);
}

function none(): FetchProgress[] {
  return [];
}

/** What another process finds in the cache. */
async function read(cache: BlobCache, text: string): Promise<string> {
  return new TextDecoder().decode(await new BlobReader(cache.dir).read(digest(text)));
}

function digest(text: string): string {
  return sha256Of(new TextEncoder().encode(text));
}

test("100 jobs that start at the same time over one input fetch each blob once", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const files = Object.fromEntries(
    Array.from({ length: 300 }, (_, i) => [`d${i % 7}/f${i}`, `content ${i}`]),
  );
  const input = source.input(files);
  const cache = makeCache(scratch.path);
  const fetcher = new InputFetcher({ cache, source });
  const jobs = Array.from({ length: 100 }, (_, i) => fetcher.fetch(`exe_${i}`, [input], none(), never));
  await Promise.all(jobs);
  expect(source.sent.size).toBe(301);
  expect(Math.max(...source.sent.values())).toBe(1);
  await fetcher.fetch("exe_late", [input], none(), never);
  expect(Math.max(...source.sent.values())).toBe(1);
});

test("two different inputs that share files fetch the shared ones once", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const [a, b] = [source.input({ x: "shared", y: "mine" }), source.input({ z: "shared", w: "yours" })];
  const fetcher = new InputFetcher({ cache: makeCache(scratch.path), source });
  const progress = none();
  await Promise.all([
    fetcher.fetch("exe_1", [a], progress, never),
    fetcher.fetch("exe_2", [b], none(), never),
  ]);
  expect(source.sent.get(digest("shared"))).toBe(1);
  expect(progress).toMatchObject([{ totalBytes: 10, doneBytes: 10 }]);
});

test("a job that is cancelled while it fetches leaves what it claimed to the others", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const input = source.input({ a: "one", b: "two" });
  const fetcher = new InputFetcher({ cache: makeCache(scratch.path), source });
  const [first, hangs] = [new AbortController(), Promise.withResolvers<void>()];
  source.onRead = (_, signal) => {
    hangs.resolve();
    const aborted = Promise.withResolvers<void>();
    signal?.addEventListener("abort", () => aborted.resolve());
    return aborted.promise;
  };
  const cancelled = fetcher.fetch("exe_1", [input], none(), first.signal);
  await hangs.promise;
  const waiting = fetcher.fetch("exe_2", [input], none(), never);
  source.onRead = () => {};
  first.abort(new Error("cancelled"));
  await expect(cancelled).rejects.toThrow("cancelled");
  await waiting;
  expect(source.sent.get(digest("one"))).toBe(1);
});

test("content that arrives damaged is asked for again, and three times in a row end the start", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  let times = 1;
  source.spoil = (pack) =>
    times-- > 0 ? pack.map((byte, i) => (i === pack.length - 1 ? byte ^ 1 : byte)) : pack;
  const fetcher = new InputFetcher({ cache: makeCache(scratch.path), source });
  await fetcher.fetch("exe_1", [source.input({ a: "one" })], none(), never);
  times = Number.POSITIVE_INFINITY;
  const end = fetcher.fetch("exe_2", [source.input({ b: "two" })], none(), never);
  await expect(end).rejects.toThrow(StartFailedError);
  await expect(end).rejects.toThrow("arrived damaged 3 times");
});

test("an answer that is cut keeps what came whole, and only the rest is asked for again", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const input = source.input({ a: "one", b: "two" });
  const fetcher = new InputFetcher({ cache: makeCache(scratch.path), source });
  let reads = 0;
  source.spoil = (pack) => (++reads === 2 ? pack.subarray(0, pack.length - 1) : pack);
  await fetcher.fetch("exe_1", [input], none(), never);
  expect([digest("one"), digest("two")].map((one) => source.sent.get(one)).sort()).toEqual([1, 2]);
});

test("a file that the server has lost is named", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const input = source.input({ "data/a": "one", "data/b": "two" }, { to: "in" });
  source.remove("two");
  const fetcher = new InputFetcher({ cache: makeCache(scratch.path), source });
  await expect(fetcher.fetch("exe_1", [input], none(), never)).rejects.toThrow(
    "The file in/data/b of the job cannot be fetched: the server does not have its content any more.",
  );
});

test("the cache gives up what was used the longest ago, and never what a job needs", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const inputs = ["a", "b", "c"].map((name) => source.input({ [name]: name.repeat(1_000) }));
  const [a, b, c] = inputs as [(typeof inputs)[0], (typeof inputs)[0], (typeof inputs)[0]];
  const cache = makeCache(scratch.path, 2_500);
  const fetcher = new InputFetcher({ cache, source });
  await fetcher.fetch("exe_a", [a], none(), never);
  await fetcher.fetch("exe_b", [b], none(), never);
  await fetcher.fetch("exe_c", [c], none(), never);
  for (const input of inputs) expect(cache.isComplete(input.tree.sha256)).toBe(true);
  cache.unpin("exe_b");
  expect(inputs.map((input) => cache.isComplete(input.tree.sha256))).toEqual([true, false, true]);
  cache.unpin("exe_a");
  cache.unpin("exe_c");
  expect(cache.isComplete(c.tree.sha256)).toBe(true);
});

test("with a cache of 0 bytes nothing stays but what running jobs need", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const cache = makeCache(scratch.path, 0);
  const fetcher = new InputFetcher({ cache, source });
  await fetcher.fetch("exe_1", [source.input({ a: "one" })], none(), never);
  expect(await read(cache, "one")).toBe("one");
  cache.unpin("exe_1");
  expect(readdirSync(cache.dir).filter((name) => name.endsWith(".pack"))).toEqual([]);
  await expect(read(cache, "one")).rejects.toThrow(LostBlobError);
});

test("after a crash the cache has what it had, without half of a pack, and keeps what live jobs need", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const input = source.input({ a: "one" });
  const before = makeCache(scratch.path);
  await new InputFetcher({ cache: before, source }).fetch("exe_1", [input], none(), never);
  writeFileSync(join(before.dir, "77.pack"), "half");
  writeFileSync(join(scratch.path, "v0"), "of another version");
  // Nothing is closed, as after kill -9.
  const after = makeCache(scratch.path, 0, ["exe_1"]);
  expect(after.isComplete(input.tree.sha256)).toBe(true);
  expect(readdirSync(scratch.path)).toEqual(["v1"]);
  expect(readdirSync(after.dir)).not.toContain("77.pack");
  expect(makeCache(scratch.path, 0, []).isComplete(input.tree.sha256)).toBe(false);
});

test("a damaged pack is found by its digest and fetched again; a cache with a damaged index is emptied", async () => {
  await using scratch = await makeScratch();
  const source = new PlayedBlobs();
  const input = source.input({ a: "one" });
  const cache = makeCache(scratch.path);
  const fetcher = new InputFetcher({ cache, source });
  await fetcher.fetch("exe_1", [input], none(), never);
  for (const name of readdirSync(cache.dir)) {
    if (name.endsWith(".pack")) writeFileSync(join(cache.dir, name), "two");
  }
  await expect(read(cache, "one")).rejects.toThrow(LostBlobError);
  cache.removeBlob(digest("one"));
  await fetcher.fetch("exe_1", [input], none(), never);
  expect(await read(cache, "one")).toBe("one");
  cache.close();
  writeFileSync(join(cache.dir, "index.sqlite"), "not a database at all, and long enough to be read as one");
  expect(makeCache(scratch.path).isComplete(input.tree.sha256)).toBe(false);
});
