import { expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { PlayedFiles } from "../../tests/support/played-files.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { findFiles } from "../machine/files/find-files.ts";
import { sendFound } from "../machine/files/send-found.ts";
import { type BlobFile, blobReader, treeOfBlobs } from "./dropped-files.ts";
import { uploadTree } from "./upload-tree.ts";

const MIB = 1024 * 1024;
const AT_MS = 1_700_000_000_123;
const once = { trying: <T>(step: () => Promise<T>) => step() };

function upload(server: PlayedFiles, files: readonly BlobFile[], options = {}) {
  return uploadTree(server, treeOfBlobs(files), blobReader, () => once, options);
}

function text(path: string, content = path): BlobFile {
  return { path, blob: new Blob([content]) };
}

test("the same files make the same tree, whether they are on a disk or held by a page", async () => {
  await using scratch = await makeScratch();
  const at = (path: string) => join(scratch.path, path);
  const contents: Record<string, Uint8Array | string> = {
    "a.txt": "a",
    empty: "",
    "src/lib/ü.c": "int x;",
    "src/main.c": "int main;",
    "src.txt": "sorts after what is in src",
    "large.bin": new Uint8Array(9 * MIB).fill(7),
    "exact.bin": new Uint8Array(4 * MIB).fill(8),
  };
  for (const directory of ["src", "src/lib"]) mkdirSync(at(directory));
  for (const directory of ["src", "src/lib"]) chmodSync(at(directory), 0o755);
  for (const [path, content] of Object.entries(contents)) {
    writeFileSync(at(path), content);
    chmodSync(at(path), path === "a.txt" ? 0o755 : 0o644);
    utimesSync(at(path), AT_MS / 1_000, AT_MS / 1_000);
  }
  const files = Object.keys(contents).map((path): BlobFile => {
    const blob = new File([readFileSync(at(path))], "any", { lastModified: AT_MS });
    return path === "a.txt" ? { path, blob, mode: 0o755 } : { path, blob };
  });
  const server = new PlayedFiles();
  const found = await sendFound(server, await findFiles(scratch.path));
  const packs = server.packs.length;
  const held = await upload(server, files);
  expect(held.tree).toEqual(found.tree);
  expect({ ...held, sentBytes: 0 }).toEqual({ ...found, sentBytes: 0 });
  expect([held.sentBytes, server.packs.length]).toEqual([0, packs]);
});

test("a single file is a tree of one file; one in a directory is not, and no files are an empty directory", () => {
  expect(treeOfBlobs([text("a.txt")])).toMatchObject({ type: "file", name: "a.txt", files: 1 });
  const inDirectory = treeOfBlobs([text("src/a.txt")]);
  expect(inDirectory).toMatchObject({ type: "directory", files: 1 });
  expect(inDirectory.entries.map(({ path }) => path)).toEqual(["src", "src/a.txt"]);
  expect(treeOfBlobs([])).toMatchObject({ type: "directory", entries: [], files: 0, bytes: 0 });
});

test("what cannot be in a tree is refused with its path before anything is sent", () => {
  const refused: [string[], string][] = [
    [["../a"], "../a: the path contains “..”"],
    [["/etc/passwd"], "/etc/passwd: the path is absolute"],
    [["a", "a"], "a: it is there twice"],
    [["a", "a/b"], "a: it is a file, and also a directory with other files"],
    [["a/b", "a"], "a: it is a file, and also a directory with other files"],
  ];
  for (const [paths, message] of refused)
    expect(() => treeOfBlobs(paths.map((path) => text(path)))).toThrow(message);
});

test("progress comes to its end, and an abort ends the upload with its reason", async () => {
  const seen: number[] = [];
  const onProgress = ({ bytesRead }: { bytesRead: number }) => seen.push(bytesRead);
  const large = { path: "large", blob: new Blob([new Uint8Array(13 * MIB)]) };
  await upload(new PlayedFiles(), [large], { onProgress });
  expect(seen.at(-1)).toBe(13 * MIB);
  const abort = new AbortController();
  const server = new PlayedFiles();
  server.before = () => abort.abort(new Error("no more"));
  await expect(upload(server, [large], { signal: abort.signal })).rejects.toThrow("no more");
});

test("a file that changes after it was chosen is named", async () => {
  const gone = new Blob(["abc"]);
  gone.slice = () => ({ arrayBuffer: () => Promise.reject(new Error("it was modified")) }) as unknown as Blob;
  await expect(upload(new PlayedFiles(), [{ path: "gone", blob: gone }])).rejects.toThrow(
    "gone: it cannot be read any more, or has changed: it was modified. Choose it again",
  );
});
