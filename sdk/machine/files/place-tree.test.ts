import { expect, test } from "bun:test";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { fileLimits } from "../../../shared/files/file-limits.ts";
import { sha256Of } from "../../../shared/files/sha256.ts";
import type { TreeEntry } from "../../../shared/files/tree.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { SmallDisk } from "../../../tests/support/small-disk.ts";
import { FileError } from "../../files/file-error.ts";
import { type BlobSource, type PlaceTreeOptions, placeTree } from "./place-tree.ts";

/** The entries of files by path, and their content. A path that ends in / is a directory, a value that begins with -> a link. */
function treeOf(
  files: Record<string, string | Buffer>,
  mode = 0o644,
): { entries: TreeEntry[]; blobs: BlobSource } {
  const contents = new Map<string, Uint8Array>();
  const entries = Object.entries(files).map(([path, value]): TreeEntry => {
    if (path.endsWith("/")) return { type: "directory", path: path.slice(0, -1), mode: 0o755 };
    const content = Buffer.from(value);
    if (content.toString("latin1", 0, 2) === "->")
      return { type: "link", path, target: content.toString().slice(2) };
    const parts: string[] = [];
    for (let at = 0; at < content.length; at += fileLimits.partBytes) {
      const part = content.subarray(at, at + fileLimits.partBytes);
      parts.push(sha256Of(part));
      contents.set(sha256Of(part), part);
    }
    const sha256 = sha256Of(content);
    const some = parts.length > 1 ? { parts } : {};
    return { type: "file", path, mode, mtimeMs: 1_600_000_000_123, size: content.length, sha256, ...some };
  });
  const read: BlobSource["read"] = ({ sha256 }) =>
    contents.get(sha256) ?? Promise.reject(new Error("not there"));
  return { entries, blobs: { read } };
}

/** Places files and resolves with the message of what went wrong. */
async function place(
  at: string,
  files: Record<string, string | Buffer>,
  options?: PlaceTreeOptions,
): Promise<string> {
  const { entries, blobs } = treeOf(files);
  return placeTree(entries, blobs, at, options).then(
    () => "placed",
    (error) =>
      error instanceof FileError ? `${error.reason} ${error.message}` : `not a FileError: ${error}`,
  );
}

function list(at: string): string[] {
  return readdirSync(at, { recursive: true, encoding: "utf8" }).sort();
}

test("files get exactly their modes and times, whatever the umask is, and directories even if nobody may enter", async () => {
  await using scratch = await makeScratch();
  const before = process.umask(0o077);
  try {
    const { entries, blobs } = treeOf({ "d/": "", "d/x": "1", empty: "" }, 0o666);
    entries[0] = { type: "directory", path: "d", mode: 0o050 };
    await placeTree(entries, blobs, scratch.path);
  } finally {
    process.umask(before);
  }
  expect(lstatSync(scratch.join("d")).mode & 0o7777).toBe(0o050);
  for (const path of ["d/x", "empty"]) {
    const { mode, mtimeMs } = lstatSync(scratch.join(path));
    expect([mode & 0o7777, Math.floor(mtimeMs)]).toEqual([0o666, 1_600_000_000_123]);
  }
});

test("every millisecond of a time survives", async () => {
  await using scratch = await makeScratch();
  for (let ms = 0; ms < 1_000; ms += 7) {
    const entry: TreeEntry = {
      type: "file",
      path: `f${ms}`,
      mode: 0o600,
      mtimeMs: 1_700_000_000_000 + ms,
      size: 0,
      sha256: sha256Of(Buffer.of()),
    };
    await placeTree([entry], { read: () => Buffer.of() }, scratch.path);
    expect(Math.floor(lstatSync(scratch.join(entry.path)).mtimeMs)).toBe(1_700_000_000_000 + ms);
  }
});

test("a tree goes where `to` says, and of it only what is in `base`", async () => {
  await using scratch = await makeScratch();
  const files = { "a/": "", "a/b/": "", "a/b/c": "c", "a/bc": "", x: "" };
  const placed = async (options: PlaceTreeOptions) => {
    const at = scratch.join(String(Math.random()));
    mkdirSync(at);
    expect(await place(at, files, options)).toBe("placed");
    return list(at);
  };
  expect(await placed({})).toEqual(["a", "a/b", "a/b/c", "a/bc", "x"]);
  expect(await placed({ to: ".", base: "." })).toEqual(["a", "a/b", "a/b/c", "a/bc", "x"]);
  expect(await placed({ to: "in/deep", base: "a" })).toEqual([
    "in",
    "in/deep",
    "in/deep/b",
    "in/deep/b/c",
    "in/deep/bc",
  ]);
  expect(await placed({ base: "a/b" })).toEqual(["c"]);
  expect(await placed({ to: "other-name", base: "a/b/c" })).toEqual(["other-name"]);
  expect(await place(scratch.path, files, { base: "x" })).toBe("exists x: it needs a name in the directory");
});

test("existing directories are used; an existing file or link is left as it is", async () => {
  await using scratch = await makeScratch();
  mkdirSync(scratch.join("d"), { mode: 0o711 });
  writeFileSync(scratch.join("d/there"), "old");
  expect(await place(scratch.path, { "d/": "", "d/new": "new" })).toBe("placed");
  expect(lstatSync(scratch.join("d")).mode & 0o777).toBe(0o711);
  expect(await place(scratch.path, { "d/": "", "d/there": "new" })).toStartWith(
    "exists d/there: there is something with this name already",
  );
  expect(readFileSync(scratch.join("d/there"), "utf8")).toBe("old");
  expect(await place(scratch.path, { "d/": "", "d/there": "->x" })).toStartWith("exists d/there: ");
  expect(await place(scratch.path, { "d/": "", "d/there/": "" })).toStartWith("exists d/there: ");
});

test("nothing is placed through a link that is there already, in whatever part of the path", async () => {
  await using scratch = await makeScratch();
  const [at, outside] = [scratch.join("at"), scratch.join("outside")];
  mkdirSync(at);
  mkdirSync(outside);
  symlinkSync("../outside", join(at, "d"));
  symlinkSync("../outside/file", join(at, "file"));
  expect(await place(at, { "d/": "", "d/x": "1" })).toStartWith("exists d: ");
  expect(await place(at, { x: "1" }, { to: "d" })).toStartWith("exists d: ");
  expect(await place(at, { x: "1" }, { to: "d/e/f" })).toStartWith("exists d: ");
  expect(await place(at, { file: "1" })).toStartWith("exists file: ");
  expect(list(outside)).toEqual([]);
});

test("links come last, so that nothing in the tree can go through them", async () => {
  await using scratch = await makeScratch();
  expect(await place(scratch.path, { a: "->z", "b/": "", "b/c": "->../a", z: "z" })).toBe("placed");
  expect([readlinkSync(scratch.join("a")), readlinkSync(scratch.join("b/c"))]).toEqual(["z", "../a"]);
  expect(readFileSync(scratch.join("b/c"), "utf8")).toBe("z");
});

test.skipIf(process.getuid?.() !== 0)("everything belongs to the given account in the end", async () => {
  await using scratch = await makeScratch();
  const owner = { uid: 12_345, gid: 54_321 };
  expect(
    await place(scratch.path, { "d/": "", "d/f": "1", "d/l": "->f", empty: "" }, { owner, to: "to" }),
  ).toBe("placed");
  for (const path of ["to", "to/d", "to/d/f", "to/d/l", "to/empty"])
    expect(lstatSync(scratch.join(path))).toMatchObject(owner);
});

test.skipIf(!SmallDisk.isPossible)("a full disk is named with the file", async () => {
  await using scratch = await makeScratch();
  using disk = SmallDisk.mount(scratch.join("disk"), 6);
  const large = Buffer.alloc(9 * 1024 * 1024, "x");
  const message = await place(disk.path, { small: "1", large });
  expect(message).toBe(
    `disk large: there is no room left on the disk of ${disk.path}. Make room and try again`,
  );
});

test("content that is not there ends it, and closes the file", async () => {
  await using scratch = await makeScratch();
  const { entries } = treeOf({ a: "1" });
  const blobs: BlobSource = { read: () => Promise.reject(new Error("lost")) };
  await expect(placeTree(entries, blobs, scratch.path)).rejects.toThrow("lost");
});

test("other work goes on in between, and an abort ends it with its reason", async () => {
  await using scratch = await makeScratch();
  const files = Object.fromEntries(
    Array.from({ length: 3_000 }, (_, i) => [`f${String(i).padStart(5, "0")}`, `${i}`]),
  );
  let turns = 0;
  let isOver = false;
  const turn = () => {
    turns++;
    if (!isOver) setImmediate(turn);
  };
  turn();
  expect(await place(scratch.path, files, { sliceMs: 2 })).toBe("placed");
  isOver = true;
  expect(turns).toBeGreaterThan(10);
  const abort = new AbortController();
  setImmediate(() => abort.abort(new Error("enough")));
  const other = scratch.join("other");
  mkdirSync(other);
  expect(await place(other, files, { sliceMs: 2, signal: abort.signal })).toBe(
    "not a FileError: Error: enough",
  );
  expect(existsSync(join(other, "f02999"))).toBe(false);
});
