import { ComputeError } from "../../shared/errors.ts";
import { PackError } from "../../shared/files/pack-reader.ts";
import { textOf } from "../../shared/text-of.ts";
import { type BlobStore, MissingObjectError, type StoredObject } from "../blob/blob-store.ts";
import { faultOfPack, readWholePack, SizesInOrder } from "../blob/whole-pack.ts";

/** Packs are small, and a store may answer slowly; so a few are on their way at a time. */
const PACKS_AT_ONCE = 4;
const SHOWN_PACKS = 3;

export interface FilesReport {
  /** Where they go: `GridFS` or `s3://bucket/prefix`. */
  place: string;
  packs: number;
  /** With the headers in the packs. */
  bytes: number;
  /** Packs that are missing or damaged in the source; they are not moved. */
  damaged: string[];
  /** Whether every other pack is in the target, and every blob there has its digest. Only for a move that reached its end. */
  same?: boolean;
}

export interface FilesMove {
  /** The keys of the packs, in their order. */
  keys: () => Iterable<string>;
  from: BlobStore;
  to: BlobStore;
  /** Called with the packs and bytes that are done. */
  onProgress: (packs: number, bytes: number) => void;
}

/** The source lacks some of the content that its index names. */
export class DamagedFilesError extends Error {
  override name = "DamagedFilesError";

  constructor(packs: readonly string[], place: string) {
    const some = packs.slice(0, SHOWN_PACKS).join(", ");
    const more = packs.length > SHOWN_PACKS ? ", …" : "";
    super(`${packs.length} packs of files are missing or damaged in ${place}: ${some}${more}`);
  }
}

/** One of the two places for files did not work. */
export class FilesPlaceError extends Error {
  override name = "FilesPlaceError";
}

/** What there is to move. */
export function countFiles(move: FilesMove): Promise<FilesReport> {
  return walk(move, async () => true);
}

/**
 * Copies the packs that the target does not have yet, and checks the digest of every blob on the way. After an
 * interruption, called again, it goes on where it was.
 */
export function copyFiles(move: FilesMove): Promise<FilesReport> {
  const there = new SizesInOrder(move.to);
  return walk(move, async (object) => {
    if ((await there.of(object.key)) === object.bytes) return true;
    return copyPack(move, object);
  });
}

/** Reads everything back from the target, and copies what is wrong there once more. */
export async function compareFiles(move: FilesMove): Promise<FilesReport> {
  let same = true;
  const report = await walk(move, async (object) => {
    if ((await faultOfPack(move.to, object)) === undefined) return true;
    if (!(await copyPack(move, object))) return false;
    same &&= (await faultOfPack(move.to, object)) === undefined;
    return true;
  });
  return { ...report, same };
}

/** Removes what an earlier run has stored. */
export async function removeFiles({ keys, to }: FilesMove): Promise<void> {
  const all = [...keys()];
  await reached(async () => {
    for (let i = 0; i < all.length; i += 1_000) await to.delete(all.slice(i, i + 1_000));
  });
}

/** Handles every pack that the source has, a few at a time. `handle` resolves with false if the pack is damaged there. */
function walk(move: FilesMove, handle: (object: StoredObject) => Promise<boolean>): Promise<FilesReport> {
  const { keys, from, to, onProgress } = move;
  const report: FilesReport = { place: to.place, packs: 0, bytes: 0, damaged: [] };
  const sizes = new SizesInOrder(from);
  const handleAll = async (objects: readonly StoredObject[]) => {
    const isGood = await Promise.all(objects.map(handle));
    report.damaged.push(...objects.filter((_, i) => !isGood[i]).map(({ key }) => key));
    report.packs += objects.length;
    report.bytes += objects.reduce((sum, object) => sum + object.bytes, 0);
    onProgress(report.packs, report.bytes);
  };
  return reached(async () => {
    let some: StoredObject[] = [];
    for (const key of keys()) {
      const bytes = await sizes.of(key);
      if (bytes === undefined) report.damaged.push(key);
      else some.push({ key, bytes });
      if (some.length < PACKS_AT_ONCE) continue;
      await handleAll(some);
      some = [];
    }
    if (some.length > 0) await handleAll(some);
    return report;
  });
}

/** Resolves with false if the pack is missing or damaged in the source. */
async function copyPack({ from, to }: FilesMove, object: StoredObject): Promise<boolean> {
  // What a killed run has left under this key would be in the way.
  await to.delete([object.key]);
  const writer = await to.create(object.key);
  try {
    for await (const chunk of readWholePack(from, object)) await writer.write(chunk);
  } catch (error) {
    await writer.abort();
    if (error instanceof PackError || error instanceof MissingObjectError) return false;
    throw error;
  }
  await writer.finish();
  return true;
}

async function reached<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    if (cause instanceof ComputeError) throw new FilesPlaceError(textOf(cause), { cause });
    throw cause;
  }
}
