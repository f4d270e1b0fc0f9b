import { ComputeError } from "../../shared/errors.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { comparePaths } from "../../shared/files/path.ts";
import { type TreeEntry, treeEntry } from "../../shared/files/tree.ts";
import { Turns } from "../../shared/turns.ts";
import type { ArtifactRecord } from "./artifact-store.ts";
import { type BlobParts, readParts } from "./blob-reader.ts";

/** A page ends before its entries have more bytes; a single one may be longer. */
const MAX_PAGE_BYTES = 4 * 1024 * 1024;
const NEWLINE = 10;

type TreeOf = Pick<ArtifactRecord, "businessId" | "tree" | "artifactId">;

interface Line {
  entry: TreeEntry;
  /** Where the next line begins. */
  end: number;
}

/**
 * One page of the entries of an artifact. The cursor is the place of the next line in the tree's text, so a page costs the
 * same wherever it is. Throws `invalid_request` if the cursor does not belong to this list.
 */
export async function pageOfTree(
  parts: BlobParts,
  artifact: TreeOf,
  { limit, cursor }: { limit: number; cursor?: string | undefined },
): Promise<{ entries: TreeEntry[]; nextCursor: string | undefined }> {
  const from = cursor === undefined ? 0 : placeOf(cursor, artifact);
  if (!(await isLineStart(parts, artifact, from))) throw foreignCursor();
  const entries: TreeEntry[] = [];
  let next = from;
  for await (const { entry, end } of linesFrom(parts, artifact, from)) {
    const isFull = entries.length === limit || (entries.length > 0 && end - from > MAX_PAGE_BYTES);
    if (isFull) return { entries, nextCursor: cursorOf(artifact, next) };
    entries.push(entry);
    next = end;
  }
  return { entries, nextCursor: undefined };
}

/** The entry with this path. Reads one line of a few parts, and one part. */
export async function findEntry(
  parts: BlobParts,
  artifact: TreeOf,
  path: string,
): Promise<TreeEntry | undefined> {
  for await (const { entry } of linesFrom(parts, artifact, await partOf(parts, artifact, path))) {
    const order = comparePaths(entry.path, path);
    if (order === 0) return entry;
    if (order > 0) return undefined;
  }
  return undefined;
}

/** Where the last line begins that is the first to begin in its part, and does not come after the path. */
async function partOf(parts: BlobParts, artifact: TreeOf, path: string): Promise<number> {
  let [low, high, from] = [1, artifact.tree.parts.length, 0];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const first = await firstLineIn(parts, artifact, middle);
    if (first && comparePaths(first.entry.path, path) <= 0) {
      from = first.from;
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return from;
}

/** The first line that begins in this part or a later one. */
async function firstLineIn(
  parts: BlobParts,
  artifact: TreeOf,
  part: number,
): Promise<(Line & { from: number }) | undefined> {
  // The line before ends in this part, or a line begins exactly where the part does.
  const from = part * fileLimits.partBytes - 1;
  let at = from;
  for await (const chunk of textFrom(parts, artifact, from)) {
    const newline = chunk.indexOf(NEWLINE);
    if (newline === -1) {
      at += chunk.length;
      continue;
    }
    const start = at + newline + 1;
    for await (const line of linesFrom(parts, artifact, start)) return { ...line, from: start };
    return undefined;
  }
  return undefined;
}

async function* linesFrom(parts: BlobParts, artifact: TreeOf, from: number): AsyncGenerator<Line> {
  const turns = new Turns();
  let rest: Uint8Array[] = [];
  let at = from;
  for await (const chunk of textFrom(parts, artifact, from)) {
    let begin = 0;
    for (let end = chunk.indexOf(NEWLINE); end !== -1; end = chunk.indexOf(NEWLINE, begin)) {
      const line = Buffer.concat([...rest, chunk.subarray(begin, end)]);
      rest = [];
      begin = end + 1;
      at += line.length + 1;
      yield { entry: treeEntry.parse(JSON.parse(line.toString())), end: at };
      await turns.next();
    }
    if (begin < chunk.length) rest.push(chunk.subarray(begin));
  }
}

function textFrom(parts: BlobParts, { businessId, tree }: TreeOf, from: number): AsyncIterable<Uint8Array> {
  return readParts(parts, businessId, tree.parts, { from, to: tree.size });
}

async function isLineStart(parts: BlobParts, artifact: TreeOf, at: number): Promise<boolean> {
  if (at === 0) return true;
  const { businessId, tree } = artifact;
  if (!(at < tree.size)) return false;
  for await (const [byte] of readParts(parts, businessId, tree.parts, { from: at - 1, to: at }))
    return byte === NEWLINE;
  return false;
}

function cursorOf({ artifactId }: TreeOf, at: number): string {
  return Buffer.from(`${artifactId}:${at}`).toString("base64url");
}

function placeOf(cursor: string, { artifactId }: TreeOf): number {
  const [id, at] = Buffer.from(cursor, "base64url").toString().split(":");
  if (id !== artifactId || at === undefined || !/^\d{1,15}$/.test(at)) throw foreignCursor();
  return Number(at);
}

function foreignCursor(): ComputeError {
  return new ComputeError("invalid_request", "The cursor does not belong to this list.", {
    errors: [{ path: "cursor", message: "must be the nextCursor of the previous page" }],
  });
}
