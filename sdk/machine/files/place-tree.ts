import { blobsOf, type TreeEntry } from "../../../shared/files/tree.ts";
import { Turns } from "../../../shared/turns.ts";
import { type PlaceOptions, Placer } from "./placer.ts";

/** Has the content of blobs, checked, such as a cache of them. */
export interface BlobSource {
  /** The content of a blob; valid until the next call. Throws if it is not there. */
  read(blob: { sha256: string; bytes: number }): Uint8Array | Promise<Uint8Array>;
}

export interface PlaceTreeOptions extends PlaceOptions {
  /** The longest time in milliseconds without letting the event loop run. Default: 5. */
  sliceMs?: number;
  signal?: AbortSignal;
  /** Called after each file with its size. */
  onFile?: (bytes: number) => void;
}

const DEFAULT_SLICE_MS = 5;

/**
 * Places a tree, whose entries come in order, below a directory that no other account can write in meanwhile. Existing
 * directories are used, existing files are not overwritten: the caller removes the directory when this throws. Throws
 * FileError naming the file, what `blobs` throws, and the signal's reason.
 */
export async function placeTree(
  entries: Iterable<TreeEntry> | AsyncIterable<TreeEntry>,
  blobs: BlobSource,
  directory: string,
  options: PlaceTreeOptions = {},
): Promise<void> {
  const placer = new Placer(directory, options);
  const turns = new Turns(options.sliceMs ?? DEFAULT_SLICE_MS, options.signal);
  try {
    if (options.base === undefined) placer.makeTarget();
    for await (const entry of entries) {
      if (turns.isDue) await turns.next();
      placer.add(entry);
      if (entry.type !== "file" || placer.placeOf(entry) === undefined) continue;
      for (const blob of blobsOf(entry)) {
        const content = blobs.read(blob);
        const written = placer.write(content instanceof Uint8Array ? content : await content);
        if (written) await written;
        if (turns.isDue) await turns.next();
      }
      options.onFile?.(entry.size);
    }
    for (const _ of placer.makeLinks()) if (turns.isDue) await turns.next();
    for (const _ of placer.setModes()) if (turns.isDue) await turns.next();
  } finally {
    placer.abort();
  }
}
