import { setImmediate } from "node:timers/promises";
import { EntrySelector, FileGlobs } from "../../sdk/machine/files/file-globs.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { type TreeEntry, TreeReader } from "../../shared/files/tree.ts";
import type { PlacedInput } from "../../shared/node.ts";
import { BlobReader } from "./blob-reader.ts";

/** So few bytes of a tree that reading them holds up nothing else. */
const SLICE_BYTES = 32 * 1024;

/** Identifies what an input takes: the files of its tree that its glob matches. */
export function setIdOf({ tree, glob }: Pick<PlacedInput, "tree" | "glob">): string {
  if (glob === undefined) return tree.sha256;
  return `${tree.sha256}:${sha256Of(new TextEncoder().encode(glob)).slice(0, 16)}`;
}

/**
 * The entries that an input takes of its tree, which is in the cache. Throws LostBlobError, and TreeError if the tree cannot
 * be used; links are only judged at the end. `more` is as in BlobReader.
 */
export async function* cachedTree(
  cache: string,
  { tree, glob }: Pick<PlacedInput, "tree" | "glob">,
  more?: () => Promise<boolean>,
): AsyncGenerator<TreeEntry, void, void> {
  const reader = new TreeReader();
  const selector = glob === undefined ? undefined : new EntrySelector<TreeEntry>(new FileGlobs([glob]));
  const blobs = new BlobReader(cache, more);
  try {
    for (const part of tree.parts) {
      const content = await blobs.read(part);
      for (let at = 0; at < content.length; at += SLICE_BYTES) {
        for (const entry of reader.push(content.subarray(at, at + SLICE_BYTES))) {
          yield* selector?.push(entry) ?? [entry];
        }
        await setImmediate();
      }
    }
    reader.end();
  } finally {
    blobs.close();
  }
}
