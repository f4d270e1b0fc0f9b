import type { FileServer } from "../../sdk/files/file-server.ts";
import { bytesText } from "../../shared/bytes-text.ts";
import { codeOf } from "../../shared/code-of.ts";
import { ComputeError } from "../../shared/errors.ts";
import { PackError, PackReader } from "../../shared/files/pack-reader.ts";
import { GARBAGE_OF_FILE_BYTES, giveBack, leaveGarbage } from "../../shared/garbage.ts";
import { textOf } from "../../shared/text-of.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import type { BlobCache, PackFile } from "./blob-cache.ts";

/** Where blobs come from. */
export interface BlobSource {
  /** Repeats the step while the server is away. */
  fetch<T>(step: (files: Pick<FileServer, "read">) => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** A blob to fetch, and the file that needs it, for messages. */
export interface WantedBlob {
  bytes: number;
  path: string;
}

export interface BatchParts {
  cache: BlobCache;
  source: BlobSource;
  /** The set that the blobs belong to. */
  setId: string;
  /** Bytes that the set lacks, as far as they are known. */
  stillMissing(): number;
  /** Called when a blob is in the cache. */
  onBlob(blob: WantedBlob): void;
}

/** How often content may arrive damaged. */
const TRIES = 3;

/**
 * Fetches blobs into the cache. What has arrived stays, also when the rest does not. Throws StartFailedError for what trying
 * again would not help, and the signal's reason.
 */
export async function fetchBatch(
  parts: BatchParts,
  wanted: ReadonlyMap<string, WantedBlob>,
  signal: AbortSignal,
): Promise<void> {
  const left = new Map(wanted);
  for (let damaged = 0, full = 0; left.size > 0; ) {
    try {
      await parts.source.fetch((files) => receive(parts, files, left, signal), signal);
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof PackError && ++damaged < TRIES) continue;
      // The disk may have room again when the cache gives up what no job needs.
      if (error instanceof DiskFullError && full++ === 0 && parts.cache.empty() > 0) continue;
      throw refusal(error, left, parts);
    }
  }
}

class DiskFullError extends Error {}

async function receive(
  { cache, setId, onBlob }: BatchParts,
  files: Pick<FileServer, "read">,
  left: Map<string, WantedBlob>,
  signal: AbortSignal,
): Promise<void> {
  const pack = await cache.newPack(setId).catch(diskError);
  const arrived: string[] = [];
  try {
    const reader = new PackReader();
    for await (const chunk of files.read([...left.keys()], signal)) {
      for (const piece of reader.push(chunk)) {
        if (piece.kind === "content") await pack.write(piece.content).catch(diskError);
        else if (piece.kind === "end") arrived.push(endOf(pack, piece.sha256));
        else if (!left.has(piece.sha256)) throw new PackError(`blob ${piece.sha256} was not asked for`);
      }
      giveBack(chunk);
    }
    reader.end();
  } finally {
    await pack.finish().catch(diskError);
    leaveGarbage(GARBAGE_OF_FILE_BYTES * arrived.length);
    for (const sha256 of arrived) {
      const blob = left.get(sha256);
      left.delete(sha256);
      if (blob) onBlob(blob);
    }
  }
  if (left.size > 0) throw new PackError(`the server left out ${left.size} of the blobs`);
}

function endOf(pack: PackFile, sha256: string): string {
  pack.endBlob(sha256);
  return sha256;
}

function diskError(error: unknown): never {
  if (isNoRoom(error)) throw new DiskFullError("", { cause: error });
  throw error;
}

/** Also for the cache's index, which is on the same disk. */
export function isNoRoom(error: unknown): boolean {
  return ["ENOSPC", "EDQUOT", "SQLITE_FULL"].includes(String(codeOf(error)));
}

function refusal(
  error: unknown,
  left: ReadonlyMap<string, WantedBlob>,
  { cache, stillMissing }: BatchParts,
): Error {
  const [first] = left.values();
  const where = `The file ${first?.path} of the job cannot be fetched`;
  if (error instanceof DiskFullError) {
    return new StartFailedError(
      `${where}: the disk of this node has no room below ${cache.dir}, and ${bytesText(stillMissing())} are still to come.`,
      { cause: error },
    );
  }
  if (error instanceof PackError) {
    return new StartFailedError(
      `${where}: its content arrived damaged ${TRIES} times: ${error.message}. Something between server and node changes it.`,
    );
  }
  if (!(error instanceof ComputeError)) return error as Error;
  const lacking = [...left].find(([sha256]) => error.message.includes(sha256))?.[1] ?? first;
  if (error.code === "not_found") {
    return new StartFailedError(
      `The file ${lacking?.path} of the job cannot be fetched: the server does not have its content any more. Submit the job again with its files.`,
    );
  }
  return new StartFailedError(`${where}: ${textOf(error)}`);
}
