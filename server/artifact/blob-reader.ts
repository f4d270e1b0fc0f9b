import { ComputeError } from "../../shared/errors.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { GARBAGE_OF_FILE_BYTES, leaveGarbage } from "../../shared/garbage.ts";
import { type BlobStore, MissingObjectError } from "../blob/blob-store.ts";
import { type ArtifactStore, type BlobPlace, packKey } from "./artifact-store.ts";

/** How many places are looked up at once. */
const PLACES = 256;

export interface BlobParts {
  artifacts: Pick<ArtifactStore, "findBlobs">;
  blobs: Pick<BlobStore, "read">;
}

/** The places of these blobs, in this order. Throws `not_found` that names the first one that is missing. */
export async function placesOf(
  { artifacts }: BlobParts,
  businessId: string,
  digests: readonly string[],
): Promise<BlobPlace[]> {
  const found = await artifacts.findBlobs(businessId, [...new Set(digests)]);
  const byDigest = new Map(found.map((place) => [place.sha256, place]));
  leaveGarbage(GARBAGE_OF_FILE_BYTES * found.length);
  return digests.map((digest) => {
    const place = byDigest.get(digest);
    if (!place) throw new ComputeError("not_found", `There is no blob ${digest} in this business.`);
    return place;
  });
}

/** A range of content that is kept in parts: all but the last have `fileLimits.partBytes`. */
export async function* readParts(
  parts: BlobParts,
  businessId: string,
  digests: readonly string[],
  range: { from: number; to: number },
): AsyncGenerator<Uint8Array> {
  const { partBytes } = fileLimits;
  const last = Math.ceil(range.to / partBytes);
  for (let first = Math.floor(range.from / partBytes); first < last; first += PLACES) {
    const places = await placesOf(parts, businessId, digests.slice(first, Math.min(first + PLACES, last)));
    for (const [i, { packId, offset }] of places.entries()) {
      const begin = (first + i) * partBytes;
      const from = Math.max(range.from, begin);
      const length = Math.min(range.to, begin + partBytes) - from;
      yield* readObject(parts.blobs, packKey(businessId, packId), offset + from - begin, length);
    }
  }
}

/** Like `BlobStore.read`. Throws `storage_failed` if the object is not there. */
export async function* readObject(
  blobs: Pick<BlobStore, "read">,
  key: string,
  offset: number,
  length: number,
): AsyncGenerator<Uint8Array> {
  try {
    yield* blobs.read(key, offset, length);
  } catch (cause) {
    if (!(cause instanceof MissingObjectError)) throw cause;
    throw new ComputeError(
      "storage_failed",
      `Files were lost: ${cause.message}. Run tanvrit-compute server check, and send the files again.`,
      { cause },
    );
  }
}
