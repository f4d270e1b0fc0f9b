import { FileError } from "../../sdk/files/file-error.ts";
import { placeTree } from "../../sdk/machine/files/place-tree.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { TreeError } from "../../shared/files/tree.ts";
import type { PlacedInput } from "../../shared/node.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import { BlobReader } from "./blob-reader.ts";
import { cachedTree } from "./cached-tree.ts";

export interface PlacedCounts {
  files: number;
  bytes: number;
}

export interface PlaceOptions {
  /** The account that gets the files; absent: that of this process. */
  owner?: { uid: number; gid: number } | undefined;
  signal: AbortSignal;
  /** Waits a moment for what is on its way to the cache. Returns whether anything was. */
  more?: () => Promise<boolean>;
}

/**
 * Places the inputs of a job in its directory, from the cache. Throws StartFailedError naming the file, LostBlobError if the
 * cache is damaged, and the signal's reason.
 */
export async function placeInputs(
  cache: string,
  inputs: readonly PlacedInput[],
  directory: string,
  { more, ...options }: PlaceOptions,
): Promise<PlacedCounts> {
  const counts: PlacedCounts = { files: 0, bytes: 0 };
  const blobs = new BlobReader(cache, more);
  const matched = new Set<string>();
  try {
    for (const input of inputs) {
      const base = input.type === "file" ? await firstPath(cache, input, more) : input.base;
      const entries = noting(cachedTree(cache, input, more), () => matched.add(input.field));
      await named(input.field, () =>
        placeTree(entries, { read: ({ sha256, bytes }) => blobs.read(sha256, bytes) }, directory, {
          ...options,
          to: input.to,
          base,
          onFile: (bytes) => {
            counts.files++;
            counts.bytes += bytes;
          },
        }),
      );
    }
    const without = inputs.find(({ glob, field }) => glob !== undefined && !matched.has(field));
    if (without) throw new StartFailedError(`${without.field}: no output matches ${without.glob}.`);
    return counts;
  } finally {
    blobs.close();
  }
}

/** Calls `note` when there is a first entry. */
async function* noting<Entry>(
  entries: AsyncIterable<Entry>,
  note: () => void,
): AsyncGenerator<Entry, void, void> {
  let isNoted = false;
  for await (const entry of entries) {
    if (!isNoted) note();
    isNoted = true;
    yield entry;
  }
}

/** Writes secrets to files that only the job's account may read. Throws like `placeInputs`. */
export async function placeSecrets(
  secrets: ReadonlyMap<string, Uint8Array>,
  directory: string,
  options: PlaceOptions,
): Promise<void> {
  for (const [path, content] of secrets) {
    const entry = {
      type: "file",
      path,
      mode: 0o600,
      size: content.length,
      sha256: sha256Of(content),
    } as const;
    const pieces = { read: () => content };
    await named(`secretFiles.${path}`, () => placeTree([entry], pieces, directory, options));
  }
}

/** The path of the one file of a tree. */
async function firstPath(
  cache: string,
  input: PlacedInput,
  more: PlaceOptions["more"],
): Promise<string | undefined> {
  for await (const entry of cachedTree(cache, input, more)) return entry.path;
  return undefined;
}

async function named(field: string, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (error instanceof TreeError)
      throw new StartFailedError(`${field}: the list of its files cannot be used: ${error.message}.`);
    if (!(error instanceof FileError)) throw error;
    const hint = error.reason === "exists" ? " Two inputs must not put files at the same place." : "";
    throw new StartFailedError(`${field}: ${error.message}.${hint}`, { cause: error });
  }
}
