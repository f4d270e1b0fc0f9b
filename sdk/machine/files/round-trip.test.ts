import { expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PlayedFiles } from "../../../tests/support/played-files.ts";
import { makeScratch } from "../../../tests/support/scratch.ts";
import { fetchBlobs, readTree } from "./fetch-blobs.ts";
import { findFiles } from "./find-files.ts";
import { placeTree } from "./place-tree.ts";
import { sendFound } from "./send-found.ts";

test("a tree arrives exactly: content, modes, times, links and empty directories", async () => {
  await using scratch = await makeScratch();
  const from = scratch.join("from");
  makeSample(from);
  const server = new PlayedFiles();
  const sent = await sendFound(server, await findFiles(from));
  const to = scratch.join("to");
  mkdirSync(to);
  await place(server, sent.tree, to);
  expect(listing(to)).toEqual(listing(from));
  expect(sent.files).toBe(6);
});

test("a second upload of the same tree sends nothing at all", async () => {
  await using scratch = await makeScratch();
  makeSample(scratch.join("from"));
  const server = new PlayedFiles();
  const found = await findFiles(scratch.join("from"));
  const first = await sendFound(server, found);
  const packs = server.packs.length;
  const second = await sendFound(server, found);
  expect(second).toEqual({ ...first, sentBytes: 0 });
  expect(server.packs).toHaveLength(packs);
});

test("an empty directory is there after it was placed under a name", async () => {
  await using scratch = await makeScratch();
  mkdirSync(scratch.join("from"));
  mkdirSync(scratch.join("to"));
  const server = new PlayedFiles();
  const { tree } = await sendFound(server, await findFiles(scratch.join("from")));
  await place(server, tree, scratch.join("to"), "in/empty");
  expect(listing(scratch.join("to")).map(([path]) => path)).toEqual(["in", "in/empty"]);
});

async function place(
  server: PlayedFiles,
  tree: Parameters<typeof readTree>[1],
  directory: string,
  to?: string,
) {
  const blobs = {
    read: async (blob: { sha256: string; bytes: number }) => {
      for await (const { content } of fetchBlobs(server, [blob])) return content;
      throw new Error("not there");
    },
  };
  await placeTree(readTree(server, tree), blobs, directory, { to });
}

function makeSample(at: string): void {
  mkdirSync(join(at, "src/deep/er"), { recursive: true });
  mkdirSync(join(at, "empty"));
  writeFileSync(join(at, "a.txt"), "a");
  writeFileSync(join(at, "none"), "");
  writeFileSync(join(at, "src/run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(join(at, "src/secret"), "s", { mode: 0o400 });
  writeFileSync(join(at, "src/deep/er/ünï 😀"), "u");
  writeFileSync(join(at, "large"), Buffer.alloc(9 * 1024 * 1024 + 1, "0123456789abcdefg"));
  symlinkSync("../a.txt", join(at, "src/link"));
  symlinkSync("src", join(at, "to-src"));
  utimesSync(join(at, "a.txt"), 1_600_000_000.123, 1_600_000_000.123);
  chmodSync(join(at, "src/deep"), 0o711);
}

function listing(at: string) {
  return readdirSync(at, { recursive: true, encoding: "utf8" })
    .sort()
    .map((path) => {
      const full = join(at, path);
      const stat = lstatSync(full);
      if (stat.isSymbolicLink()) return [path, readlinkSync(full)];
      const content = stat.isFile() ? Bun.hash(readFileSync(full)) : undefined;
      return [path, stat.mode.toString(8), stat.isFile() && Math.floor(stat.mtimeMs), content];
    });
}
