import { expect, test } from "bun:test";
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { PlayedFiles } from "../../../tests/support/played-files.ts";
import { makeScratch, type Scratch } from "../../../tests/support/scratch.ts";
import { UnreachableError } from "../../errors.ts";
import { type DownloadProgress, downloadTree } from "./download-tree.ts";
import { findFiles } from "./find-files.ts";
import { sendFound } from "./send-found.ts";

const LARGE_BYTES = 30 * 1024 * 1024 + 5;

/** Files of all kinds at a server, and what a listing of them looks like. */
async function sample(scratch: Scratch) {
  const from = scratch.join("from");
  mkdirSync(join(from, "out/deep/er"), { recursive: true });
  mkdirSync(join(from, "empty"));
  chmodSync(join(from, "empty"), 0o500);
  writeFileSync(join(from, "a.txt"), "a");
  writeFileSync(join(from, "none"), "");
  writeFileSync(join(from, "out/run"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(join(from, "out/deep/x.xml"), "<x/>", { mode: 0o440 });
  symlinkSync("../run", join(from, "out/deep/link"));
  const server = new PlayedFiles();
  const { tree } = await sendFound(server, await findFiles(from));
  return { from, server, tree };
}

/** Path, mode, and content or target of everything below a directory. */
function listing(at: string, below = ""): string[] {
  return readdirSync(join(at, below), { withFileTypes: true })
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const path = join(below, entry.name);
      const mode = (lstatSync(join(at, path)).mode & 0o777).toString(8);
      if (entry.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(at, path))}`];
      if (entry.isDirectory()) return [`${path}/ ${mode}`, ...listing(at, path)];
      return [`${path} ${mode} ${readFileSync(join(at, path), "latin1")}`];
    });
}

test("a tree arrives exactly, and a second download fetches nothing", async () => {
  await using scratch = await makeScratch();
  const { from, server, tree } = await sample(scratch);
  const to = scratch.join("new/to");
  const first = await downloadTree(server, tree, to);
  expect(listing(to)).toEqual(listing(from));
  expect(first).toEqual({ files: 4, bytes: 15, fetchedBytes: 15 });
  const second = await downloadTree(server, tree, to);
  expect(second).toEqual({ ...first, fetchedBytes: 0 });
  expect(listing(to)).toEqual(listing(from));
});

test("globs choose files, which keep their paths", async () => {
  await using scratch = await makeScratch();
  const { server, tree } = await sample(scratch);
  const to = scratch.join("to");
  await downloadTree(server, tree, to, { globs: ["**/*.xml", "no*"] });
  expect(listing(to).map((line) => line.split(" ")[0])).toEqual([
    "none",
    "out/",
    "out/deep/",
    "out/deep/x.xml",
  ]);
});

test("a file with other content is an error before anything is written; force replaces it", async () => {
  await using scratch = await makeScratch();
  const { from, server, tree } = await sample(scratch);
  const to = scratch.join("to");
  mkdirSync(join(to, "out"), { recursive: true });
  writeFileSync(join(to, "out/run"), "my own");
  const before = listing(to);
  const refused = downloadTree(server, tree, to);
  await expect(refused).rejects.toThrow("out/run: it exists already. Overwrite it with --force");
  expect(listing(to)).toEqual(before);
  chmodSync(join(to, "out"), 0o755);
  await downloadTree(server, tree, to, { force: true });
  expect(listing(to).map((line) => line.replace(/^out\/ .*/, "out/"))).toEqual(
    listing(from).map((line) => line.replace(/^out\/ .*/, "out/")),
  );
});

test("nothing is written through a link, nor over a directory, even with force", async () => {
  await using scratch = await makeScratch();
  const { server, tree } = await sample(scratch);
  const force = { force: true };
  const [linked, taken] = [scratch.join("linked"), scratch.join("taken")];
  mkdirSync(linked);
  mkdirSync(scratch.join("elsewhere"));
  symlinkSync(scratch.join("elsewhere"), join(linked, "out"));
  await expect(downloadTree(server, tree, linked, force)).rejects.toThrow(
    "out: a link with this name exists",
  );
  expect(readdirSync(scratch.join("elsewhere"))).toEqual([]);
  expect(readdirSync(linked)).toEqual(["out"]);
  mkdirSync(join(taken, "a.txt"), { recursive: true });
  await expect(downloadTree(server, tree, taken, force)).rejects.toThrow(
    "a.txt: a directory with this name exists",
  );
});

test("a download that was cut goes on with the files and parts that are there", async () => {
  await using scratch = await makeScratch();
  const from = scratch.join("from");
  mkdirSync(from);
  const large = Buffer.alloc(LARGE_BYTES);
  for (let i = 0; i < large.length; i += 4_096) large.writeUInt32LE(i, i);
  writeFileSync(join(from, "large"), large);
  writeFileSync(join(from, "a"), "a");
  const server = new PlayedFiles();
  const { tree } = await sendFound(server, await findFiles(from));
  const to = scratch.join("to");
  let reads = 0;
  server.before = (operation) => {
    if (operation === "read" && ++reads > 4) throw new UnreachableError("http://played", "cut");
  };
  await expect(downloadTree(server, tree, to, { firstMs: 1, awayMs: 1 })).rejects.toThrow("cut");
  // As if the process had been killed.
  const [left = ""] = readdirSync(to);
  renameSync(join(to, left), join(to, left.replace(/\d+$/, "999999999")));
  server.before = () => undefined;
  const states: number[] = [];
  const onProgress = ({ bytesDone }: DownloadProgress) => states.push(bytesDone);
  const again = await downloadTree(server, tree, to, { onProgress });
  expect(again.bytes).toBe(LARGE_BYTES + 1);
  expect(states[1]).toBeGreaterThan(4 * 1024 * 1024);
  expect(states.at(-1)).toBe(LARGE_BYTES + 1);
  expect(readdirSync(to).sort()).toEqual(["a", "large"]);
  expect(readFileSync(join(to, "large")).equals(large)).toBe(true);
});
