import type { ArtifactKind, StoredTree } from "../../shared/artifact.ts";
import type { IntoTrash } from "../trash/trash-store.ts";

/** Where the bytes of a blob are: a range of an object of the BlobStore. */
export interface BlobPlace {
  sha256: string;
  bytes: number;
  packId: string;
  /** Of the content, without the header. */
  offset: number;
}

export type BlobKey = Pick<BlobPlace, "sha256"> & { businessId: string };

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

/** An artifact whose blobs are still being checked. Only the collector sees it. */
export type ArtifactDraft = Pick<ArtifactRecord, "artifactId" | "businessId" | "tree"> & {
  /** After this the collector removes the draft, and `insert` resolves with false. */
  expiresAtMs: number;
};

/** What the collector sees of an artifact or a draft. */
export type ScannedArtifact = Pick<
  ArtifactRecord,
  "artifactId" | "businessId" | "kind" | "tree" | "jobId" | "expiresAtMs"
> & {
  isDraft: boolean;
  /** The latest time of a `hold`. */
  heldUntilMs: number | undefined;
};

export interface ArtifactQuery {
  businessId: string;
  jobId?: string | undefined;
  kind?: ArtifactKind | undefined;
  /** Only artifacts with a smaller id: the list is newest first. */
  beforeId?: string | undefined;
  limit: number;
}

/** A pack as the index knows it. */
export interface IndexedPack {
  key: string;
  /** The blobs that are still in it, and their bytes. */
  blobs: number;
  bytes: number;
  begunAtMs: number;
}

/**
 * The index of files: which blob is in which pack, and which artifacts exist. The bytes are in the BlobStore.
 *
 * How nothing that is needed is ever removed: to create an artifact, a server calls `begin`, then `touchBlobs` for all
 * blobs of the artifact and of its tree with the time it is then, and `insert` if none is missing. The collector takes
 * the time, reads all artifacts and drafts, and removes a blob only if none of them has it, and if it was last touched
 * more than the grace before the time it took. So whatever a collector does not see was begun after that time, and all
 * its blobs were touched even later, so they stay; this holds however long a server pauses between two steps. The grace
 * only covers clocks that differ, `touchEveryMs`, and the time in which a client uploads what is in no artifact yet.
 * A blob that was removed before it was touched is missing, and is uploaded again.
 *
 * All operations may be called concurrently by several servers, and are limited to one business unless they say
 * otherwise. They reject with ComputeError `storage_failed` when the store refuses.
 */
export interface ArtifactStore {
  /**
   * Touches those of the blobs that exist, and resolves with the bytes of each, in the given order; undefined: it does not
   * exist. A blob that was touched less than `touchEveryMs` (a setting of the store) before is not written again.
   */
  touchBlobs(businessId: string, sha256s: readonly string[], nowMs: number): Promise<(number | undefined)[]>;
  /** The places of those blobs that exist, in any order. */
  findBlobs(businessId: string, sha256s: readonly string[]): Promise<BlobPlace[]>;
  /** Records a pack before its object is written, so that the collector finds what a dead server left. */
  beginPack(businessId: string, packId: string, nowMs: number): Promise<void>;
  /**
   * Records the blobs of a pack whose object is durable, touched now. A blob that exists already is only touched, and
   * keeps its place. Resolves with false, and records nothing, if the collector has removed the pack: the caller deletes
   * the object and writes another pack. May be repeated.
   */
  finishPack(
    businessId: string,
    packId: string,
    blobs: readonly BlobPlace[],
    nowMs: number,
  ): Promise<boolean>;

  /** Records a draft, before its blobs are touched. `delete` removes it again. */
  begin(draft: ArtifactDraft): Promise<void>;
  /**
   * Makes the draft with this id an artifact. The caller has touched all its blobs and those of its tree since `begin`.
   * Resolves with false if the draft is gone: begin again. May be repeated.
   */
  insert(artifact: ArtifactRecord): Promise<boolean>;
  /**
   * Finds an artifact of this person, kind, name, type and tree, and keeps it at least until `untilMs` (undefined: for good).
   * Resolves with undefined if there is none.
   */
  reuse(
    wanted: Pick<ArtifactRecord, "businessId" | "userId" | "kind" | "name" | "type" | "tree">,
    untilMs: number | undefined,
  ): Promise<ArtifactRecord | undefined>;
  /**
   * Keeps each artifact at least until `untilMs`, whatever its `expiresAtMs`, and resolves with those that exist. In one
   * write per artifact: the collector either sees it or has removed the artifact already.
   */
  hold(businessId: string, artifactIds: readonly string[], untilMs: number): Promise<ArtifactRecord[]>;
  find(businessId: string, artifactIds: readonly string[]): Promise<ArtifactRecord[]>;
  list(query: ArtifactQuery): Promise<ArtifactRecord[]>;
  /**
   * Removes artifacts and drafts; their blobs follow later. In the trash, an artifact is a draft that expires with its
   * entry, so the collector keeps its blobs until then. Resolves with the ids that existed.
   */
  delete(businessId: string, artifactIds: readonly string[], into?: IntoTrash): Promise<string[]>;
  /** The bytes of all blobs of the business. Reads one row per pack. */
  usedBytes(businessId: string): Promise<number>;

  /** For the collector, of all businesses: artifacts and drafts with a greater id, oldest first. */
  scanArtifacts(afterId: string | undefined, limit: number): Promise<ScannedArtifact[]>;
  /** Lets the artifact expire at `untilMs`, if it would be removed earlier. */
  keep(artifact: Pick<ScannedArtifact, "businessId" | "artifactId">, untilMs: number): Promise<void>;
  /**
   * Removes the artifact or draft if it is as the collector has read it; a `hold`, `reuse`, `keep` or `insert` in between
   * keeps it. Resolves with whether it was removed.
   */
  expire(artifact: ScannedArtifact): Promise<boolean>;
  /**
   * For the collector, of all businesses: the blobs after `after`, in the order of business and digest, that were last
   * touched before `touchedBeforeMs`. Reads about `limit` rows, of which few may be old.
   */
  scanBlobs(
    after: BlobKey | undefined,
    touchedBeforeMs: number,
    limit: number,
  ): Promise<{ old: BlobKey[]; next: BlobKey | undefined }>;
  /** Removes those of the blobs that were last touched before `touchedBeforeMs`. Resolves with how many. */
  deleteBlobs(businessId: string, sha256s: readonly string[], touchedBeforeMs: number): Promise<number>;
  /**
   * Marks packs without blobs that began before `begunBeforeMs` as removed, of all businesses, so that `finishPack` cannot
   * use them any more. Resolves with their object keys; the caller deletes the objects and then calls `forgetPacks`.
   * Packs marked by a server that died are given again.
   */
  takeEmptyPacks(begunBeforeMs: number, limit: number): Promise<string[]>;
  /** Forgets those of the packs that have no blobs. Their objects are gone. */
  forgetPacks(keys: readonly string[]): Promise<void>;
  /** All packs of all businesses, after the given one. */
  scanPacks(afterKey: string | undefined, limit: number): Promise<IndexedPack[]>;
  /**
   * Those of the keys that are not in the index. The object of such a pack is garbage, because a pack is recorded before
   * its object is written.
   */
  unknownPacks(keys: readonly string[]): Promise<string[]>;
}

/** How often a blob in use is touched. Far less than the collector's grace. */
export const TOUCH_EVERY_MS = 3_600_000;

/** The key of a pack's object in the BlobStore. */
export function packKey(businessId: string, packId: string): string {
  return `${businessId}/${packId}`;
}

/** The opposite of `packKey`. */
export function packOf(key: string): { businessId: string; packId: string } {
  const slash = key.lastIndexOf("/");
  return { businessId: key.slice(0, slash), packId: key.slice(slash + 1) };
}
