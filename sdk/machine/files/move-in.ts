import {
  chmodSync,
  createReadStream,
  lstatSync,
  readdirSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  type Stats,
} from "node:fs";
import { join } from "node:path";
import { startSha256 } from "../../../shared/files/sha256.ts";
import type { TreeEntry } from "../../../shared/files/tree.ts";
import { textOf } from "../../../shared/text-of.ts";
import { FileError, shownPath } from "../../files/file-error.ts";

const READ_BYTES = 1024 * 1024;

/**
 * Moves everything in a directory into another one on the same disk. Directories that exist there are used, and nothing
 * goes through a link. Without `force`, throws FileError before anything is moved if a file exists there.
 *
 * @returns the directories that existed, by their path below the target.
 */
export function moveIn(from: string, target: string, force: boolean): Set<string> {
  const existing = new Set<string>();
  check(from, target, "", force);
  move(from, target, "", existing);
  return existing;
}

/** Throws FileError if the entry cannot be put where something exists. */
export function checkFree(target: string, path: string, isDirectory: boolean, force: boolean): void {
  const there = lstatSync(join(target, path), { throwIfNoEntry: false });
  if (there) checkReplaceable(path, there, isDirectory, force);
}

/** Whether the file or link is there already, with the same content. */
export async function isSame(target: string, entry: TreeEntry): Promise<boolean> {
  const path = join(target, entry.path);
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (!there || entry.type === "directory") return false;
  if (entry.type === "link") return there.isSymbolicLink() && readlinkSync(path) === entry.target;
  return there.isFile() && there.size === entry.size && (await sha256OfFile(path)) === entry.sha256;
}

async function sha256OfFile(path: string): Promise<string> {
  const hash = startSha256();
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES })) hash.update(chunk);
  return hash.hex();
}

function check(from: string, target: string, path: string, force: boolean): void {
  for (const { name, isDirectory } of contentOf(join(from, path))) {
    const below = path === "" ? name : `${path}/${name}`;
    const there = lstatSync(join(target, below), { throwIfNoEntry: false });
    if (!there) continue;
    checkReplaceable(below, there, isDirectory, force);
    if (isDirectory) check(from, target, below, force);
  }
}

function checkReplaceable(path: string, there: Stats, isDirectory: boolean, force: boolean): void {
  if (there.isDirectory() && isDirectory) return;
  if (there.isDirectory() || isDirectory) {
    const what = there.isDirectory() ? "a directory" : there.isSymbolicLink() ? "a link" : "a file";
    throw new FileError("exists", shownPath(path), `${what} with this name exists`, {
      todo: "Remove it, or choose another directory",
    });
  }
  if (force) return;
  throw new FileError("exists", shownPath(path), "it exists already", {
    todo: "Overwrite it with --force, or choose another directory",
  });
}

function move(from: string, target: string, path: string, existing: Set<string>): void {
  for (const { name, isDirectory } of contentOf(join(from, path))) {
    const below = path === "" ? name : `${path}/${name}`;
    const to = join(target, below);
    try {
      if (isDirectory && lstatSync(to, { throwIfNoEntry: false })) {
        existing.add(below);
        move(from, target, below, existing);
        rmdirSync(join(from, below));
      } else renameSync(join(from, below), to);
    } catch (error) {
      if (error instanceof FileError) throw error;
      throw new FileError("disk", shownPath(below), `cannot put it in ${target}: ${textOf(error)}`, {
        cause: error,
      });
    }
  }
}

function contentOf(directory: string): { name: string; isDirectory: boolean }[] {
  return readdirSync(directory, { withFileTypes: true }).map((entry) => ({
    name: entry.name,
    isDirectory: entry.isDirectory(),
  }));
}

/** Gives directories their modes, except those that existed. */
export function setModes(
  target: string,
  directories: readonly { path: string; mode: number }[],
  existing: ReadonlySet<string>,
): void {
  // From the bottom up: a mode may lock us out.
  for (const { path, mode } of directories.toReversed()) {
    if (!existing.has(path)) chmodSync(join(target, path), mode);
  }
}
