import type { TreeEntry } from "./tree.ts";

/** One line of a stored tree, with its newline. The fields are always in the same order, so equal trees have equal bytes. */
export function treeLine(entry: TreeEntry): string {
  if (entry.type === "link") return line({ type: entry.type, path: entry.path, target: entry.target });
  if (entry.type === "directory") return line({ type: entry.type, path: entry.path, mode: entry.mode });
  const { type, path, mode: bits, mtimeMs, size, sha256: digest, parts } = entry;
  return line({ type, path, mode: bits, mtimeMs, size, sha256: digest, parts });
}

function line(fields: TreeEntry): string {
  return `${JSON.stringify(fields)}\n`;
}
