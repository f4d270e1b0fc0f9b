import { resolve } from "node:path";
import { create, type Globber } from "@actions/glob";

export interface SearchOptions {
  /** Whether the files below a matching directory match too. */
  implicitDescendants?: boolean;
  matchDirectories?: boolean;
  excludeHiddenFiles?: boolean;
}

export interface FoundFiles {
  /** Absolute. */
  paths: string[];
  /** The directories, or the files, from which the search went. */
  searchPaths: string[];
}

/** Finds files by GitHub's own rules for patterns: one a line, `!` excludes; relative ones are below `root`. */
export function searchFiles(patterns: string, root: string, options: SearchOptions): Promise<FoundFiles> {
  return withGlobber(patterns, root, options, async (globber) => ({
    paths: await globber.glob(),
    searchPaths: globber.getSearchPaths(),
  }));
}

/** The library takes relative patterns from the process's own directory, and writes about its work to stdout. */
export async function withGlobber<T>(
  patterns: string,
  root: string,
  options: SearchOptions,
  use: (globber: Globber) => Promise<T>,
): Promise<T> {
  const lines = patterns.split(/\r?\n/).map((line) => absolute(line.trim(), root));
  return quietly(async () => use(await create(lines.join("\n"), options)));
}

function absolute(pattern: string, root: string): string {
  if (pattern === "" || pattern.startsWith("#")) return pattern;
  const [, not = "", path = ""] = /^(!*)\s*(.*)$/.exec(pattern) ?? [];
  return path === "" || path.startsWith("~")
    ? pattern
    : `${not}${resolve(root, path)}${path.endsWith("/") ? "/" : ""}`;
}

/** How many calls want the library's own lines left out. */
let quiet = 0;
let write = process.stdout.write;

async function quietly<T>(act: () => Promise<T>): Promise<T> {
  if (quiet++ === 0) {
    write = process.stdout.write;
    process.stdout.write = writeOthers as typeof write;
  }
  try {
    return await act();
  } finally {
    if (--quiet === 0) process.stdout.write = write;
  }
}

function writeOthers(this: typeof process.stdout, ...given: Parameters<typeof write>): boolean {
  const [chunk] = given;
  if (typeof chunk === "string" && chunk.startsWith("::debug::")) return true;
  return write.apply(process.stdout, given);
}
