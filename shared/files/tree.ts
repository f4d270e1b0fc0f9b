import { z } from "zod";
import { DIGEST, sha256 } from "./digest.ts";
import { fileLimits } from "./file-limits.ts";
import { comparePaths, pathProblem } from "./path.ts";
import { filePath } from "./path-schema.ts";
import { leavesTree, type TreeLinks } from "./tree-links.ts";

const mode = z.int().min(0).max(0o777);

const fileEntry = z.strictObject({
  type: z.literal("file"),
  path: filePath(),
  /** The permission bits; set-user-id and the like are not kept. */
  mode,
  /** The time of the last change, in epoch milliseconds; absent: unknown. */
  mtimeMs: z.int().optional(),
  /** Bytes. */
  size: z.int().min(0),
  /** Of the whole content. */
  sha256,
  /** The digests of its parts, in order; absent if the whole file is one part. */
  parts: z.array(sha256).min(2).optional(),
});
const directoryEntry = z.strictObject({ type: z.literal("directory"), path: filePath(), mode });
const linkEntry = z.strictObject({
  type: z.literal("link"),
  path: filePath(),
  /** As `readlink` gives it. It is relative and stays inside the tree. */
  target: z.string().min(1).max(fileLimits.maxPathBytes),
});

/** A file, directory or symbolic link of a tree. */
export const treeEntry = z.discriminatedUnion("type", [fileEntry, directoryEntry, linkEntry]);
export type TreeEntry = z.infer<typeof treeEntry>;
export type FileEntry = z.infer<typeof fileEntry>;

/** A tree cannot be used; the message names the path and says why. */
export class TreeError extends Error {
  override name = "TreeError";
}

/** The digests of the blobs that hold a file's content, in order; none for an empty file. */
export function blobsOf(file: FileEntry): { sha256: string; bytes: number }[] {
  if (file.size === 0) return [];
  if (!file.parts) return [{ sha256: file.sha256, bytes: file.size }];
  const last = file.parts.length - 1;
  return file.parts.map((digest, i) => ({
    sha256: digest,
    bytes: i < last ? fileLimits.partBytes : file.size - last * fileLimits.partBytes,
  }));
}

/**
 * Reads a stored tree: one entry per line, in the order of `comparePaths`, each directory before its content. Gives the
 * entries as the bytes come, and keeps only links in memory. Throws TreeError for anything that could not be placed in an
 * empty directory, or that would lead out of it.
 */
export class TreeReader {
  private readonly decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  private rest = "";
  private count = 0;
  private lastPath = "";
  /** The directories that the last entry is in, and itself if it is one; the top of the tree is first. */
  private readonly open = [""];
  private readonly links: TreeLinks = new Map();
  private linkBytes = 0;

  push(bytes: Uint8Array): TreeEntry[] {
    const lines = (this.rest + this.decode(bytes, true)).split("\n");
    this.rest = lines.pop() ?? "";
    if (this.rest.length > fileLimits.maxTreeLineBytes)
      throw new TreeError(`a line of the tree has more than ${fileLimits.maxTreeLineBytes} bytes`);
    return lines.map((text) => this.read(text));
  }

  /** The tree is complete. Links can only be judged now. */
  end(): void {
    if (this.rest + this.decode(new Uint8Array(0), false) !== "")
      throw new TreeError("the tree ends in the middle of a line");
    for (const [path, target] of this.links) {
      if (leavesTree(path, target, this.links))
        throw new TreeError(`${path}: the link to ${target} leads out of the tree`);
    }
  }

  private decode(bytes: Uint8Array, stream: boolean): string {
    try {
      return this.decoder.decode(bytes, { stream });
    } catch {
      throw new TreeError("the tree is not valid UTF-8");
    }
  }

  private read(text: string): TreeEntry {
    const entry = parseEntry(text);
    const { path } = entry;
    if (++this.count > fileLimits.maxEntries)
      throw new TreeError(`the tree has more than ${fileLimits.maxEntries} entries`);
    if (this.count > 1 && comparePaths(this.lastPath, path) >= 0)
      throw new TreeError(`${path}: it comes twice, or in the wrong order`);
    this.lastPath = path;
    // In this order, the content of a directory follows it without anything else in between.
    while (this.open.length > 1 && !path.startsWith(`${this.open.at(-1)}/`)) this.open.pop();
    if (this.open.at(-1) !== path.slice(0, Math.max(0, path.lastIndexOf("/"))))
      throw new TreeError(`${path}: its directory is not in the tree`);
    if (entry.type === "directory") this.open.push(path);
    else if (entry.type === "link") this.addLink(path, entry.target);
    else checkParts(entry);
    return entry;
  }

  private addLink(path: string, target: string): void {
    this.linkBytes += path.length + target.length;
    if (this.linkBytes > fileLimits.maxLinkBytes)
      throw new TreeError(`${path}: the links of the tree have more than ${fileLimits.maxLinkBytes} bytes`);
    this.links.set(path, target);
  }
}

function parseEntry(text: string): TreeEntry {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw new TreeError("a line of the tree is not JSON");
  }
  if (isEntry(raw)) return raw;
  const parsed = treeEntry.safeParse(raw);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = (raw as { path?: unknown } | null)?.path;
  throw new TreeError(
    `${typeof path === "string" ? path : "an entry"}: ${issue?.path.join(".")} ${issue?.message}`,
  );
}

/**
 * Accepts what the schema accepts, many times faster; a tree may have two million entries. What it does not accept goes to
 * the schema, which says why.
 */
export function isEntry(raw: unknown): raw is TreeEntry {
  if (typeof raw !== "object" || raw === null) return false;
  const { type, path, mode: bits, mtimeMs, size, sha256: digest, parts, target } = raw as Unchecked;
  if (typeof path !== "string" || pathProblem(path) !== undefined) return false;
  const fields = Object.keys(raw).length;
  if (type === "link")
    return (
      fields === 3 && typeof target === "string" && target !== "" && target.length <= fileLimits.maxPathBytes
    );
  if (!isWhole(bits) || bits > 0o777) return false;
  if (type === "directory") return fields === 3;
  if (type !== "file" || !isWhole(size) || !isDigest(digest)) return false;
  if (mtimeMs !== undefined && !Number.isSafeInteger(mtimeMs)) return false;
  if (parts !== undefined && !(Array.isArray(parts) && parts.length >= 2 && parts.every(isDigest)))
    return false;
  return fields === 5 + (mtimeMs === undefined ? 0 : 1) + (parts === undefined ? 0 : 1);
}

/** Any field of any entry. */
type Unchecked = {
  [Name in "type" | "path" | "mode" | "mtimeMs" | "size" | "sha256" | "parts" | "target"]?: unknown;
};

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isDigest(value: unknown): boolean {
  return typeof value === "string" && DIGEST.test(value);
}

function checkParts({ path, size, parts }: FileEntry): void {
  const wanted = size <= fileLimits.partBytes ? undefined : Math.ceil(size / fileLimits.partBytes);
  if (parts?.length !== wanted)
    throw new TreeError(`${path}: a file of ${size} bytes must have ${wanted ?? "no"} parts`);
}
