import { constants, copyFileSync, lstatSync, mkdirSync, readlinkSync, symlinkSync } from "node:fs";
import { basename, join } from "node:path";
import type { FoundEntry, FoundTree } from "../../../sdk/machine/files/find-files.ts";
import { comparePaths, pathProblem } from "../../../shared/files/path.ts";
import { Turns } from "../../../shared/turns.ts";
import { askGit } from "./git.ts";

export interface WorkingCopyOptions {
  "no-ignore": boolean;
  /** Nothing but `extra` comes. */
  onlyExtra?: boolean | undefined;
  /** Called for each file that cannot come along. */
  onProblem: (message: string) => void;
}

/**
 * The files of a repository that a run gets: those that the ignore rules leave in, and those that git tracks anyway.
 * `extra` come too, by their path in the tree.
 */
export async function findWorkingCopy(
  top: string,
  extra: ReadonlyMap<string, string>,
  options: WorkingCopyOptions,
): Promise<FoundTree> {
  const { onlyExtra = false } = options;
  const found = onlyExtra ? emptyTree(top) : await findAll(top, options);
  const known = new Set(found.entries.map(({ path }) => path));
  const tracked = onlyExtra ? [] : await trackedButIgnored(top);
  const missing = new Map(tracked.map((path) => [path, join(top, path)]));
  for (const [path, source] of extra) missing.set(path, source);
  const added = [...missing].filter(([path]) => !known.has(path));
  for (const [path, source] of added) add(found, known, path, source, top);
  if (added.length > 0) found.entries.sort((a, b) => comparePaths(a.path, b.path));
  return found;
}

async function findAll(
  top: string,
  { "no-ignore": noIgnore, onProblem }: WorkingCopyOptions,
): Promise<FoundTree> {
  const { findFiles } = await import("../../../sdk/machine/files/find-files.ts");
  return findFiles(top, {
    noIgnore,
    exclude: noIgnore ? [".git"] : [],
    onProblem: ({ message }) => onProblem(message),
  });
}

function emptyTree(top: string): FoundTree {
  return { type: "directory", name: basename(top), entries: [], files: 0, bytes: 0, ignored: 0 };
}

/** A file may be tracked although a rule ignores it, as the built code of an action often is. */
async function trackedButIgnored(top: string): Promise<string[]> {
  const list = await askGit(top, "ls-files", "-z", "--cached", "--ignored", "--exclude-standard");
  return (list ?? "").split("\0").filter((path) => path !== "" && pathProblem(path) === undefined);
}

function add(found: FoundTree, known: Set<string>, path: string, source: string, top: string): void {
  const stat = lstatSync(source, { throwIfNoEntry: false });
  const entry = stat && entryOf(path, source, stat);
  if (!entry) return; // It is deleted in the working copy, or is a submodule.
  for (const directory of directoriesAbove(path).filter((one) => !known.has(one))) {
    known.add(directory);
    const mode = (lstatSync(join(top, directory), { throwIfNoEntry: false })?.mode ?? 0o755) & 0o777;
    found.entries.push({ type: "directory", path: directory, mode });
  }
  known.add(path);
  found.entries.push(entry);
  if (entry.type !== "file") return;
  found.files++;
  found.bytes += entry.size;
}

function entryOf(
  path: string,
  source: string,
  stat: NonNullable<ReturnType<typeof lstatSync>>,
): FoundEntry | undefined {
  const { mode, mtimeMs, size } = stat;
  if (stat.isSymbolicLink()) return { type: "link", path, target: readlinkSync(source) };
  if (!stat.isFile()) return undefined;
  return {
    type: "file",
    path,
    source,
    mode: Number(mode) & 0o777,
    mtimeMs: Number(mtimeMs),
    size: Number(size),
  };
}

function directoriesAbove(path: string): string[] {
  const names = path.split("/").slice(0, -1);
  return names.map((_, i) => names.slice(0, i + 1).join("/"));
}

const SLICE_MS = 10;

/** Copies what was found into a directory, which is made. */
export async function copyTree({ entries }: FoundTree, into: string): Promise<void> {
  mkdirSync(into, { recursive: true });
  const turns = new Turns(SLICE_MS);
  for (const entry of entries) {
    if (turns.isDue) await turns.next();
    const target = join(into, entry.path);
    if (entry.type === "directory") mkdirSync(target, { recursive: true });
    else if (entry.type === "link") symlinkSync(entry.target, target);
    // Thousands of small files: a thread for each would take longer than the copy.
    else copyFileSync(entry.source, target, constants.COPYFILE_FICLONE);
  }
}
