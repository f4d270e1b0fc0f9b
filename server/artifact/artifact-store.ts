import type { ArtifactKind, StoredTree } from "../../shared/artifact.ts";

/** Where the bytes of a blob are: a range of an object of the BlobStore. */
export interface BlobPlace {
  sha256: string;
  bytes: number;
  packId: string;
  /** Of the content, without the header. */
  offset: number;
}

/** An artifact as the server keeps it. Times are epoch milliseconds. */
export interface ArtifactRecord {
  artifactId: string;
  businessId: string;
  userId: string | undefined;
  kind: ArtifactKind;
  name: string;
  type: "file" | "directory";
  tree: StoredTree;
  files: number;
  bytes: number;
  jobId: string | undefined;
  executionId: string | undefined;
  attempt: number | undefined;
  createdAtMs: number;
  /** Undefined: it is kept. */
  expiresAtMs: number | undefined;
}

export interface ArtifactQuery {
  businessId: string;
  jobId?: string | undefined;
  kind?: ArtifactKind | undefined;
  /** Only artifacts with a smaller id: the list is newest first. */
  beforeId?: string | undefined;
  limit: number;
}

/**
 * The index of files: which blob is in which pack, and which artifacts exist. The bytes are in the BlobStore.
 *
 * How nothing that is needed is ever removed: every blob has a time `touchedAt`. A blob is only removed if no live
 * artifact had it when the collector looked, and if it was last touched longer ago than the grace. An artifact is only
 * inserted within the grace after all its blobs were touched. So a blob of an artifact that the collector did not see
 * was touched too lately to be removed. Removing is conditional on `touchedAt`, in one write.
 *
 * All operations may be called concurrently by several servers, and are limited to one business unless they say
 * otherwise. They reject with ComputeError `storage_failed` when the store refuses.
 */
export interface ArtifactStore {
  /** Touches those of the blobs that exist, and resolves with the digests of the others, in the given order. */
  touchBlobs(businessId: string, sha256s: readonly string[], nowMs: number): Promise<string[]>;
  /** The places of those blobs that exist, in any order. */
  findBlobs(businessId: string, sha256s: readonly string[]): Promise<BlobPlace[]>;
  /** Records a pack before its object is written, so that the collector finds what a dead server left. */
  beginPack(businessId: string, packId: string, nowMs: number): Promise<void>;
  /**
   * Records the blobs of a pack whose object is durable, touched now. A blob that exists already is only touched, and
   * keeps its place. Resolves with false, and records nothing, if the collector has removed the pack: the caller writes
   * another.
   */
  finishPack(
    businessId: string,
    packId: string,
    blobs: readonly BlobPlace[],
    nowMs: number,
  ): Promise<boolean>;

  /** Inserts an artifact. The caller has touched all its blobs and those of its tree within the grace. */
  insert(artifact: ArtifactRecord): Promise<void>;
  /**
   * Finds a live artifact of this kind, name, type and tree, and keeps it at least until `untilMs` (undefined: for good).
   * Resolves with undefined if there is none.
   */
  reuse(
    wanted: Pick<ArtifactRecord, "businessId" | "kind" | "name" | "type" | "tree">,
    untilMs: number | undefined,
  ): Promise<ArtifactRecord | undefined>;
  /** Keeps each artifact at least until `untilMs`, and resolves with those that exist. In one write per artifact: the collector either sees it or has removed the artifact already. */
  hold(businessId: string, artifactIds: readonly string[], untilMs: number): Promise<ArtifactRecord[]>;
  find(businessId: string, artifactIds: readonly string[]): Promise<ArtifactRecord[]>;
  list(query: ArtifactQuery): Promise<ArtifactRecord[]>;
  /** Removes artifacts; their blobs follow later. Resolves with the ids that existed. */
  delete(businessId: string, artifactIds: readonly string[]): Promise<string[]>;
  /** The bytes of all blobs of the business. Cheap. */
  usedBytes(businessId: string): Promise<number>;

  /** For the collector, of all businesses: artifacts with a greater id, oldest first. */
  scanArtifacts(afterId: string | undefined, limit: number): Promise<ArtifactRecord[]>;
  /** Removes the artifact if it still expires at this time; a `hold` in between keeps it. Resolves with whether it is gone. */
  expire(artifact: Pick<ArtifactRecord, "businessId" | "artifactId" | "expiresAtMs">): Promise<boolean>;
  /** For the collector: blobs last touched before `touchedBeforeMs`, after the given one in the order of business and digest. */
  scanBlobs(
    after: { businessId: string; sha256: string } | undefined,
    touchedBeforeMs: number,
    limit: number,
  ): Promise<{ businessId: string; sha256: string }[]>;
  /** Removes those of the blobs that were last touched before `touchedBeforeMs`. Resolves with how many. */
  deleteBlobs(businessId: string, sha256s: readonly string[], touchedBeforeMs: number): Promise<number>;
  /**
   * Marks packs without blobs that began before `begunBeforeMs` as removed, of all businesses, so that `finishPack` cannot
   * use them any more. Resolves with their object keys; the caller deletes the objects and then calls `forgetPacks`.
   * Packs marked by a server that died are given again.
   */
  takeEmptyPacks(begunBeforeMs: number, limit: number): Promise<string[]>;
  forgetPacks(keys: readonly string[]): Promise<void>;
}

/** The key of a pack's object in the BlobStore. */
export function packKey(businessId: string, packId: string): string {
  return `${businessId}/${packId}`;
}
