import { expect, test } from "bun:test";
import {
  appendFileSync,
  mkdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { ComputeError } from "../../../shared/errors.ts";
import { fileLimits } from "../../../shared/files/file-limits.ts";
import { sha256Of } from "../../../shared/files/sha256.ts";
import { TreeReader } from "../../../shared/files/tree.ts";
import { PlayedFiles } from "../../../tests/support/played-files.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { UnreachableError } from "../../errors.ts";
import { FileError } from "../../files/file-error.ts";
import type { UploadedTree, UploadProgress } from "../../files/upload-tree.ts";
import { findFiles } from "./find-files.ts";
import { sendFound } from "./send-found.ts";

const MIB = 1024 * 1024;

/** The text of an uploaded tree, as entries. */
function treeOf(server: PlayedFiles, { tree }: UploadedTree) {
  const reader = new TreeReader();
  const entries = tree.parts.flatMap((part) => reader.push(server.blobs.get(part) ?? new Uint8Array(0)));
  reader.end();
  return entries;
}

/** Calls `change` when the server gets its first question, while files are still read. */
function whileSending(change: () => void): PlayedFiles {
  const server = new PlayedFiles();
  let isDone = false;
  server.before = () => {
    if (!isDone) change();
    isDone = true;
  };
  return server;
}

/** Two large files and two small ones: while the first is sent, the others are not read yet. */
function makeLarge(at: string): void {
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "a"), Buffer.alloc(20 * MIB, "a"));
  writeFileSync(join(at, "b"), Buffer.alloc(20 * MIB, "b"));
  writeFileSync(join(at, "c"), "small");
  writeFileSync(join(at, "d"), "small too");
}

function replace(path: string, make: () => void): void {
  rmSync(path);
  make();
}

test("a file that changes while the upload runs is named, whatever happens to it", async () => {
  const changes: [string, (path: string) => void][] = [
    ["c: it vanished while it was sent", (path) => rmSync(path)],
    ["c: it grew from 5 to 6 bytes while it was sent", (path) => appendFileSync(path, "!")],
    ["c: it shrank from 5 to 2 bytes while it was sent", (path) => truncateSync(path, 2)],
    ["c: it was changed while it was sent", (path) => utimesSync(path, 1, 1)],
    ["c: it was replaced by a link while it was sent", (path) => replace(path, () => symlinkSync("d", path))],
    [
      "c: it was replaced by something else while it was sent",
      (path) => replace(path, () => mkdirSync(path)),
    ],
    [
      "c: it was replaced by something else while it was sent",
      (path) => replace(path, () => Bun.spawnSync(["mkfifo", path])),
    ],
    ["c: it was changed while it was sent", (path) => replace(path, () => writeFileSync(path, "other"))],
  ];
  for (const [message, change] of changes) {
    await using scratch = await makeScratch();
    makeLarge(scratch.path);
    const found = await findFiles(scratch.path);
    const error = await sendFound(
      whileSending(() => change(scratch.join("c"))),
      found,
    ).catch((error) => error);
    expect(error).toBeInstanceOf(FileError);
    expect([error.reason, error.message]).toEqual(["changed", message]);
  }
});

test("a large file that changes between its parts is named", async () => {
  for (const change of [
    (path: string) => appendFileSync(path, "!"),
    (path: string) => truncateSync(path, 19 * MIB),
  ]) {
    await using scratch = await makeScratch();
    makeLarge(scratch.path);
    const found = await findFiles(scratch.path);
    const error = await sendFound(
      whileSending(() => change(scratch.join("b"))),
      found,
    ).catch((error) => error);
    expect(error.message).toMatch(/^b: it (grew|shrank|became smaller)/);
  }
});

test("with onProblem the other files arrive", async () => {
  await using scratch = await makeScratch();
  makeLarge(scratch.path);
  const server = whileSending(() => rmSync(scratch.join("c")));
  const problems: string[] = [];
  const onProblem = (error: FileError) => problems.push(error.message);
  const sent = await sendFound(server, await findFiles(scratch.path), { onProblem });
  expect(problems).toEqual(["c: it vanished while it was sent"]);
  expect(treeOf(server, sent).map(({ path }) => path)).toEqual(["a", "b", "d"]);
  expect(sent).toMatchObject({ files: 3, bytes: 40 * MIB + 9 });
});

test("only files of the given account are read", async () => {
  await using scratch = await makeScratch();
  writeFileSync(scratch.join("a"), "");
  const found = await findFiles(scratch.path);
  const ownerUid = (process.getuid?.() ?? 0) + 1;
  await expect(sendFound(new PlayedFiles(), found, { ownerUid })).rejects.toThrow(
    "a: it belongs to another account",
  );
});

test("a file is one blob up to 4 MiB, and then parts of 4 MiB; equal content is sent once", async () => {
  await using scratch = await makeScratch();
  const content = Buffer.alloc(9 * MIB);
  crypto.getRandomValues(content.subarray(0, 65_536));
  writeFileSync(scratch.join("large"), content);
  writeFileSync(scratch.join("exact"), content.subarray(0, 4 * MIB));
  writeFileSync(scratch.join("copy"), content.subarray(0, 4 * MIB));
  writeFileSync(scratch.join("empty"), "");
  const server = new PlayedFiles();
  const sent = await sendFound(server, await findFiles(scratch.path));
  const entries = treeOf(server, sent);
  expect(entries.map((entry) => [entry.path, "parts" in entry ? entry.parts?.length : undefined])).toEqual([
    ["copy", undefined],
    ["empty", undefined],
    ["exact", undefined],
    ["large", 3],
  ]);
  expect(entries.map((entry) => "sha256" in entry && entry.sha256)).toEqual(
    [content.subarray(0, 4 * MIB), content.subarray(0, 0), content.subarray(0, 4 * MIB), content].map(
      sha256Of,
    ),
  );
  const blobs = server.packs.flat();
  expect(new Set(blobs).size).toBe(blobs.length);
  expect(blobs).toHaveLength(1 + 2 + 1);
});

test("an empty directory is a tree without a blob", async () => {
  await using scratch = await makeScratch();
  const { tree } = await sendFound(new PlayedFiles(), await findFiles(scratch.path));
  expect(tree).toEqual({ sha256: sha256Of(new Uint8Array(0)), size: 0, parts: [] });
});

test("packs and questions stay within their limits, and at most two are on the way", async () => {
  await using scratch = await makeScratch();
  for (let i = 0; i < 5_000; i++) writeFileSync(scratch.join(`f${i}`), `${i}`);
  writeFileSync(
    scratch.join("large"),
    crypto.getRandomValues(Buffer.alloc(65_536)).toString("hex").repeat(200),
  );
  const server = new PlayedFiles();
  let onTheWay = 0;
  let most = 0;
  const second = Promise.withResolvers<void>();
  server.before = async () => {
    most = Math.max(most, ++onTheWay);
    if (onTheWay === 2) second.resolve();
    await second.promise;
    onTheWay--;
  };
  await sendFound(server, await findFiles(scratch.path));
  expect(most).toBe(2);
  expect(server.packs.flat().length).toBeGreaterThan(5_000);
  for (const pack of server.packs) expect(pack.length).toBeLessThanOrEqual(fileLimits.maxBlobsPerRequest);
});

test("an upload goes on when the server is back, and sends nothing twice", async () => {
  await using scratch = await makeScratch();
  makeLarge(scratch.path);
  const server = new PlayedFiles();
  let calls = 0;
  server.before = () => {
    if (++calls % 2 === 0) throw new UnreachableError(server.url, "the connection was refused");
  };
  let away = 0;
  const sent = await sendFound(server, await findFiles(scratch.path), { onAway: () => away++ });
  expect(away).toBeGreaterThan(0);
  expect(treeOf(server, sent)).toHaveLength(4);
  const blobs = server.packs.flat();
  expect(new Set(blobs).size).toBe(blobs.length);
});

test("an upload that was cut goes on where it stopped", async () => {
  await using scratch = await makeScratch();
  makeLarge(scratch.path);
  const server = new PlayedFiles();
  const found = await findFiles(scratch.path);
  server.before = (operation) => {
    if (operation === "upload" && server.packs.length === 1) throw new ComputeError("forbidden", "too much");
  };
  await expect(sendFound(server, found)).rejects.toThrow("too much");
  await sendFound(server, found).catch(() => undefined);
  expect(server.packs).toHaveLength(1);
  server.before = () => undefined;
  const sent = await sendFound(server, found);
  const blobs = server.packs.flat();
  expect(new Set(blobs).size).toBe(blobs.length);
  expect(treeOf(server, sent)).toHaveLength(4);
});

test("an abort ends the upload with its reason, and nothing is sent after it", async () => {
  await using scratch = await makeScratch();
  makeLarge(scratch.path);
  const abort = new AbortController();
  const server = whileSending(() => abort.abort(new Error("enough")));
  await expect(sendFound(server, await findFiles(scratch.path), { signal: abort.signal })).rejects.toThrow(
    "enough",
  );
  const packs = server.packs.length;
  await new Promise((resolve) => setImmediate(resolve));
  expect(server.packs).toHaveLength(packs);
});

test("progress counts files and bytes up to their totals", async () => {
  await using scratch = await makeScratch();
  makeLarge(scratch.path);
  const seen: UploadProgress[] = [];
  const onProgress = (progress: Readonly<UploadProgress>) => seen.push({ ...progress });
  await sendFound(new PlayedFiles(), await findFiles(scratch.path), { onProgress });
  const bytes = 40 * MIB + 14;
  expect(seen.at(-1)).toMatchObject({ files: 4, bytes, filesRead: 4, bytesRead: bytes });
  for (const [i, progress] of seen.entries()) {
    expect(progress.bytesRead).toBeGreaterThanOrEqual(seen[i - 1]?.bytesRead ?? 0);
    expect(progress.bytesSent + progress.bytesSkipped).toBeLessThanOrEqual(progress.bytesRead + MIB);
  }
});
