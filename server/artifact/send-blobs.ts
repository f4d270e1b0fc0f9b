import { PACK_HEADER_BYTES } from "../../shared/files/pack.ts";
import { giveBack } from "../../shared/garbage.ts";
import type { BlobStore } from "../blob/blob-store.ts";
import { type BlobPlace, packKey } from "./artifact-store.ts";
import { readObject } from "./blob-reader.ts";

/** A range of an object that is itself a pack: blobs that were stored one after the other. */
interface Run {
  packId: string;
  /** Of the first header. */
  from: number;
  to: number;
}

/** The length of a pack with these blobs. */
export function packBytes(places: readonly BlobPlace[]): number {
  return places.reduce((sum, { bytes }) => sum + PACK_HEADER_BYTES + bytes, 0);
}

/**
 * The blobs as a pack, in this order. Blobs that are stored one after the other are read in one go. A chunk is valid until
 * the next step.
 */
export async function* readPack(
  blobs: Pick<BlobStore, "read">,
  businessId: string,
  places: readonly BlobPlace[],
): AsyncGenerator<Uint8Array> {
  for (const { packId, from, to } of runsOf(places)) {
    for await (const chunk of readObject(blobs, packKey(businessId, packId), from, to - from)) {
      yield chunk;
      giveBack(chunk);
    }
  }
}

/** An object has the pack as it was received, headers included. */
function runsOf(places: readonly BlobPlace[]): Run[] {
  const runs: Run[] = [];
  for (const { packId, offset, bytes } of places) {
    const from = offset - PACK_HEADER_BYTES;
    const last = runs.at(-1);
    if (last?.packId === packId && last.to === from) last.to = offset + bytes;
    else runs.push({ packId, from, to: offset + bytes });
  }
  return runs;
}
