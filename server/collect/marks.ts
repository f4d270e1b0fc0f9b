import type { Logger } from "../../shared/logger.ts";
import { Turns } from "../../shared/turns.ts";
import {
  type ArtifactStore,
  type BlobKey,
  packKey,
  type ScannedArtifact,
} from "../artifact/artifact-store.ts";
import { type BlobStore, MissingObjectError } from "../blob/blob-store.ts";
import { BloomFilter } from "./bloom-filter.ts";

export interface MarkParts {
  artifacts: Pick<ArtifactStore, "findBlobs" | "find">;
  blobs: Pick<BlobStore, "read">;
  log: Logger;
}

const MAX_FILTER_BYTES = 32 * 1024 * 1024;
/** How many trees are remembered, so that artifacts with the same files are read once. */
const MAX_SEEN = 20_000;
const PARTS_AT_ONCE = 256;
/** A piece of text is searched in one go; nothing else is served meanwhile. */
const PIECE_BYTES = 256 * 1024;
/** Every digest in a tree: more than its blobs, because the digest of a file in parts is not a blob. */
const DIGEST = /"([0-9a-f]{64})"/g;
/** A digest and its quotes, less one: what a piece may end with that the next piece completes. */
const DIGEST_REST = 65;

/** The blobs that the artifacts need which were added. It may have some others too. */
export class Marks {
  private readonly filter: BloomFilter;
  private readonly seen = new Set<string>();
  /** Businesses with an artifact that could not be read, so nobody knows what it needs. */
  private readonly unsure = new Set<string>();

  constructor(
    private readonly parts: MarkParts,
    blobs: number,
  ) {
    this.filter = new BloomFilter(blobs, MAX_FILTER_BYTES);
  }

  isNeeded(key: BlobKey): boolean {
    return this.unsure.has(key.businessId) || this.filter.has(markOf(key));
  }

  /** Adds the blobs of an artifact or a draft. Rejects if the index or the store of blobs fails. */
  async add(artifact: ScannedArtifact): Promise<void> {
    const { businessId, tree } = artifact;
    for (const sha256 of tree.parts) this.filter.add(markOf({ businessId, sha256 }));
    const known = markOf({ businessId, sha256: tree.sha256 });
    if (this.seen.has(known)) return;
    if (!(await this.addTree(artifact))) {
      await this.noteUnreadable(artifact);
      return;
    }
    if (this.seen.size < MAX_SEEN) this.seen.add(known);
  }

  /** Resolves with false if a part of the tree is missing. */
  private async addTree({ businessId, tree: { parts } }: ScannedArtifact): Promise<boolean> {
    const { artifacts, blobs } = this.parts;
    let rest = "";
    const turns = new Turns();
    for (let i = 0; i < parts.length; i += PARTS_AT_ONCE) {
      const some = parts.slice(i, i + PARTS_AT_ONCE);
      const places = new Map(
        (await artifacts.findBlobs(businessId, some)).map((place) => [place.sha256, place]),
      );
      for (const sha256 of some) {
        const place = places.get(sha256);
        if (!place) return false;
        try {
          const key = packKey(businessId, place.packId);
          for await (const chunk of blobs.read(key, place.offset, place.bytes)) {
            for (let at = 0; at < chunk.length; at += PIECE_BYTES) {
              rest = this.addText(businessId, rest, chunk.subarray(at, at + PIECE_BYTES));
              await turns.next();
            }
          }
        } catch (error) {
          if (error instanceof MissingObjectError) return false;
          throw error;
        }
      }
    }
    return true;
  }

  /** Adds every digest in the text. Returns its end, which is to be searched again with what follows. */
  private addText(businessId: string, rest: string, piece: Uint8Array): string {
    const text = rest + Buffer.from(piece.buffer, piece.byteOffset, piece.length).toString("latin1");
    for (const [, sha256 = ""] of text.matchAll(DIGEST)) this.filter.add(markOf({ businessId, sha256 }));
    return text.slice(-DIGEST_REST);
  }

  private async noteUnreadable({ businessId, artifactId }: ScannedArtifact): Promise<void> {
    // The tree of a draft may be on its way, and an artifact that was deleted meanwhile needs nothing.
    if ((await this.parts.artifacts.find(businessId, [artifactId])).length === 0) return;
    if (this.unsure.has(businessId)) return;
    this.unsure.add(businessId);
    this.parts.log.error(
      `The list of files of artifact ${artifactId} is lost, so no file of business ${businessId} is removed. ` +
        "Run tanvrit-compute server check, and delete what it names.",
    );
  }
}

function markOf({ businessId, sha256 }: BlobKey): string {
  return `${businessId}/${sha256}`;
}
