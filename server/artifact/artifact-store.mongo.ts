import type { ClientSession, Collection, Filter } from "mongodb";
import { ContentionError, isFasterElsewhere, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import { putArtifactsInTrash } from "../trash/trash-store.mongo.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import { type ArtifactRow, artifactFrom, rowOf, type ScannedRow, scannedFrom } from "./artifact-row.ts";
import {
  type ArtifactDraft,
  type ArtifactQuery,
  type ArtifactRecord,
  type ArtifactStore,
  type BlobKey,
  type BlobPlace,
  type IndexedPack,
  packKey,
  type ScannedArtifact,
  TOUCH_EVERY_MS,
} from "./artifact-store.ts";

/** A document of `compute_blobs`. */
export interface BlobDocument {
  /** `<businessId>/<sha256>`. */
  _id: string;
  /** The key of the pack. */
  pack: string;
  offset: number;
  bytes: number;
  touched_at: number;
}

/** A document of `compute_packs`. */
export interface PackDocument {
  /** As `packKey` names it. */
  _id: string;
  business_id: string;
  begun_at: number;
  blobs: number;
  bytes: number;
  removed?: true;
}

/** A document of `compute_artifacts`: a row without its NULLs. */
type ArtifactDocument = ArtifactRow & Pick<ScannedRow, "live" | "held_until">;

const live = { live: 1 };

export const artifactSteps = [
  collectionStep("artifact-1", "compute_blobs", []),
  collectionStep("artifact-2", "compute_packs", [
    { key: { begun_at: 1 }, partialFilterExpression: { blobs: 0 } },
    { key: { business_id: 1, bytes: 1 } },
  ]),
  collectionStep("artifact-3", "compute_artifacts", [
    { key: { artifact_id: 1 }, unique: true },
    { key: { business_id: 1, artifact_id: 1 }, partialFilterExpression: live },
    { key: { business_id: 1, kind: 1, artifact_id: 1 }, partialFilterExpression: live },
    { key: { job_id: 1, artifact_id: 1 }, partialFilterExpression: { job_id: { $exists: true } } },
    { key: { tree_sha256: 1, business_id: 1 }, partialFilterExpression: live },
  ]),
];

export class MongoArtifactStore implements ArtifactStore {
  private readonly blobs: Collection<BlobDocument>;
  private readonly packs: Collection<PackDocument>;
  private readonly artifacts: Collection<ArtifactDocument>;

  constructor(
    private readonly store: MongoStore,
    private readonly touchEveryMs = TOUCH_EVERY_MS,
  ) {
    this.blobs = store.collection("compute_blobs");
    this.packs = store.collection("compute_packs");
    this.artifacts = store.collection("compute_artifacts");
  }

  touchBlobs(businessId: string, sha256s: readonly string[], nowMs: number): Promise<(number | undefined)[]> {
    return this.store.attempt(() => this.touch(businessId, sha256s, nowMs));
  }

  findBlobs(businessId: string, sha256s: readonly string[]): Promise<BlobPlace[]> {
    return this.store.attempt(async () => {
      const found = await this.blobs.find({ _id: { $in: idsOf(businessId, sha256s) } }).toArray();
      return found.map(({ _id, pack, offset, bytes }) => ({
        sha256: lastPart(_id),
        bytes,
        packId: lastPart(pack),
        offset,
      }));
    });
  }

  async beginPack(businessId: string, packId: string, nowMs: number): Promise<void> {
    const pack = { _id: packKey(businessId, packId), business_id: businessId, begun_at: nowMs };
    await this.store.attempt(() => this.packs.insertOne({ ...pack, blobs: 0, bytes: 0 }));
  }

  finishPack(businessId: string, packId: string, blobs: readonly BlobPlace[], nowMs: number) {
    const pack = packKey(businessId, packId);
    const digests = [...new Set(blobs.map((blob) => blob.sha256))];
    const finish = async () => {
      // Outside the transaction, because servers that get the same blobs at the same time would keep each other from it.
      const sizes = await this.touch(businessId, digests, nowMs);
      const missing = new Set(digests.filter((_, i) => sizes[i] === undefined));
      const added = blobs.filter(({ sha256 }) => missing.delete(sha256));
      const documents = added.map(({ sha256, offset, bytes }) => ({
        _id: `${businessId}/${sha256}`,
        pack,
        offset,
        bytes,
        touched_at: nowMs,
      }));
      return this.store.transaction((session) => this.fillPack(session, pack, documents));
    };
    // If another server was faster with some of the blobs, this looks again which are missing.
    return this.store.attempt(() => outlastOthers(finish, isFasterElsewhere));
  }

  async begin({ artifactId, businessId, tree, expiresAtMs }: ArtifactDraft): Promise<void> {
    const draft = {
      artifact_id: artifactId,
      business_id: businessId,
      live: 0,
      kind: "upload",
      name: "",
      type: "file",
      tree_sha256: tree.sha256,
      tree: JSON.stringify(tree),
      files: 0,
      bytes: 0,
      created_at: 0,
      expires_at: expiresAtMs,
    };
    await this.store.attempt(() => this.artifacts.insertOne(draft as ArtifactDocument));
  }

  insert(artifact: ArtifactRecord): Promise<boolean> {
    const { artifact_id, business_id, ...rest } = rowOf(artifact);
    const $set = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== null));
    const $unset: Record<string, ""> = rest.expires_at === null ? { expires_at: "" } : {};
    return this.store.attempt(async () => {
      const { matchedCount } = await this.artifacts.updateOne(
        { artifact_id, business_id },
        { $set: { ...$set, live: 1 }, $unset },
      );
      return matchedCount > 0;
    });
  }

  reuse(
    { businessId, userId, kind, name, type, tree }: Parameters<ArtifactStore["reuse"]>[0],
    untilMs: number | undefined,
  ): Promise<ArtifactRecord | undefined> {
    const owned = { business_id: businessId, user_id: userId ?? null };
    const where = { tree_sha256: tree.sha256, ...owned, live: 1, kind, name, type };
    return this.store.attempt(async () => {
      const found = await this.artifacts.findOneAndUpdate(
        where,
        untilMs === undefined ? { $unset: { expires_at: "" } } : laterEnd(untilMs),
        { sort: { artifact_id: -1 }, returnDocument: "after" },
      );
      return found ? artifactFrom(found) : undefined;
    });
  }

  hold(businessId: string, artifactIds: readonly string[], untilMs: number): Promise<ArtifactRecord[]> {
    const where = { artifact_id: { $in: [...artifactIds] }, business_id: businessId, live: 1 };
    return this.store.attempt(async () => {
      await this.artifacts.updateMany(where, { $max: { held_until: untilMs } });
      const held = this.artifacts.find({ ...where, held_until: { $gte: untilMs } });
      return (await held.toArray()).map(artifactFrom);
    });
  }

  find(businessId: string, artifactIds: readonly string[]): Promise<ArtifactRecord[]> {
    const where = { artifact_id: { $in: [...artifactIds] }, business_id: businessId, live: 1 };
    return this.store.attempt(async () => (await this.artifacts.find(where).toArray()).map(artifactFrom));
  }

  list({ businessId, jobId, kind, beforeId, limit }: ArtifactQuery): Promise<ArtifactRecord[]> {
    const where: Filter<ArtifactDocument> = { business_id: businessId, live: 1 };
    if (jobId !== undefined) where.job_id = jobId;
    if (kind !== undefined) where.kind = kind;
    if (beforeId !== undefined) where.artifact_id = { $lt: beforeId };
    return this.store.attempt(async () => {
      const found = await this.artifacts.find(where).sort({ artifact_id: -1 }).limit(limit).toArray();
      return found.map(artifactFrom);
    });
  }

  async delete(businessId: string, artifactIds: readonly string[], into?: IntoTrash): Promise<string[]> {
    if (into) {
      const move = (session: ClientSession) =>
        putArtifactsInTrash(this.store, session, businessId, artifactIds, into);
      return this.store.attempt(() => outlastOthers(() => this.store.transaction(move)));
    }
    const removed: string[] = [];
    for (const artifact_id of new Set(artifactIds)) {
      const where = { artifact_id, business_id: businessId };
      const { deletedCount } = await this.store.attempt(() => this.artifacts.deleteOne(where));
      if (deletedCount > 0) removed.push(artifact_id);
    }
    return removed;
  }

  usedBytes(businessId: string): Promise<number> {
    return this.store.attempt(async () => {
      const [sum] = await this.packs
        .aggregate<{ bytes: number }>([
          { $match: { business_id: businessId } },
          { $group: { _id: null, bytes: { $sum: "$bytes" } } },
        ])
        .toArray();
      return sum?.bytes ?? 0;
    });
  }

  scanArtifacts(afterId: string | undefined, limit: number): Promise<ScannedArtifact[]> {
    return this.store.attempt(async () => {
      const found = this.artifacts.find({ artifact_id: { $gt: afterId ?? "" } });
      return (await found.sort({ artifact_id: 1 }).limit(limit).toArray()).map(scannedFrom);
    });
  }

  async keep({ businessId, artifactId }: Parameters<ArtifactStore["keep"]>[0], untilMs: number) {
    const where = { artifact_id: artifactId, business_id: businessId };
    await this.store.attempt(() => this.artifacts.updateOne(where, laterEnd(untilMs)));
  }

  expire({ businessId, artifactId, isDraft, expiresAtMs, heldUntilMs }: ScannedArtifact): Promise<boolean> {
    const unchanged = {
      artifact_id: artifactId,
      business_id: businessId,
      live: isDraft ? 0 : 1,
      expires_at: expiresAtMs ?? { $exists: false },
      held_until: heldUntilMs ?? { $exists: false },
    };
    return this.store.attempt(
      async () => (await this.artifacts.deleteOne(unchanged as Filter<ArtifactDocument>)).deletedCount > 0,
    );
  }

  scanBlobs(after: BlobKey | undefined, touchedBeforeMs: number, limit: number) {
    const afterId = after ? `${after.businessId}/${after.sha256}` : "";
    return this.store.attempt(async () => {
      const found = await this.blobs
        .find({ _id: { $gt: afterId }, touched_at: { $lt: touchedBeforeMs } }, { projection: { _id: 1 } })
        .sort({ _id: 1 })
        .limit(limit)
        .toArray();
      const old = found.map(({ _id }) => ({
        businessId: _id.slice(0, _id.lastIndexOf("/")),
        sha256: lastPart(_id),
      }));
      return { old, next: old.length < limit ? undefined : old.at(-1) };
    });
  }

  deleteBlobs(businessId: string, sha256s: readonly string[], touchedBeforeMs: number): Promise<number> {
    const where = { _id: { $in: idsOf(businessId, sha256s) }, touched_at: { $lt: touchedBeforeMs } };
    return this.store.attempt(() =>
      outlastOthers(() => this.store.transaction((session) => this.deleteIn(session, where))),
    );
  }

  takeEmptyPacks(begunBeforeMs: number, limit: number): Promise<string[]> {
    return this.store.attempt(async () => {
      const empty = await this.packs
        .find({ blobs: 0, begun_at: { $lt: begunBeforeMs } }, { projection: { _id: 1 } })
        .sort({ begun_at: 1 })
        .limit(limit)
        .toArray();
      const ids = { $in: empty.map(({ _id }) => _id) };
      await this.packs.updateMany({ _id: ids, blobs: 0 }, { $set: { removed: true } });
      const taken = this.packs.find({ _id: ids, removed: true }, { projection: { _id: 1 } });
      return (await taken.toArray()).map(({ _id }) => _id);
    });
  }

  async forgetPacks(keys: readonly string[]): Promise<void> {
    await this.store.attempt(() => this.packs.deleteMany({ _id: { $in: [...keys] }, blobs: 0 }));
  }

  scanPacks(afterKey: string | undefined, limit: number): Promise<IndexedPack[]> {
    return this.store.attempt(async () => {
      const found = this.packs.find({ _id: { $gt: afterKey ?? "" } });
      return (await found.sort({ _id: 1 }).limit(limit).toArray()).map(({ _id, blobs, bytes, begun_at }) => ({
        key: _id,
        blobs,
        bytes,
        begunAtMs: begun_at,
      }));
    });
  }

  unknownPacks(keys: readonly string[]): Promise<string[]> {
    return this.store.attempt(async () => {
      const found = this.packs.find({ _id: { $in: [...keys] } }, { projection: { _id: 1 } });
      const known = new Set((await found.toArray()).map(({ _id }) => _id));
      return keys.filter((key) => !known.has(key));
    });
  }

  private async touch(
    businessId: string,
    sha256s: readonly string[],
    nowMs: number,
  ): Promise<(number | undefined)[]> {
    const ids = { $in: idsOf(businessId, sha256s) };
    // First the write: whatever the read then finds was there, and was touched, or came in between and is newer.
    await this.blobs.updateMany(
      { _id: ids, touched_at: { $lte: nowMs - this.touchEveryMs } },
      { $max: { touched_at: nowMs } },
    );
    const found = await this.blobs.find({ _id: ids }, { projection: { bytes: 1 } }).toArray();
    const sizes = new Map(found.map(({ _id, bytes }) => [lastPart(_id), bytes]));
    return sha256s.map((sha256) => sizes.get(sha256));
  }

  /** Writes the pack too, so that `takeEmptyPacks` cannot take it at the same time. */
  private async fillPack(session: ClientSession, pack: string, documents: BlobDocument[]): Promise<boolean> {
    const bytes = documents.reduce((sum, one) => sum + one.bytes, 0);
    const { matchedCount } = await this.packs.updateOne(
      { _id: pack, removed: { $exists: false } },
      { $inc: { blobs: documents.length, bytes } },
      { session },
    );
    if (matchedCount === 0) return false;
    if (documents.length > 0) await this.blobs.insertMany(documents, { session });
    return true;
  }

  private async deleteIn(session: ClientSession, where: Filter<BlobDocument>): Promise<number> {
    const found = await this.blobs.find(where, { session }).toArray();
    if (found.length === 0) return 0;
    const { deletedCount } = await this.blobs.deleteMany(where, { session });
    if (deletedCount !== found.length) throw new ContentionError("A blob was touched meanwhile.");
    const updates = [...Map.groupBy(found, (blob) => blob.pack)].map(([pack, some]) => {
      const bytes = some.reduce((sum, blob) => sum + blob.bytes, 0);
      return {
        updateOne: { filter: { _id: pack }, update: { $inc: { blobs: -some.length, bytes: -bytes } } },
      };
    });
    await this.packs.bulkWrite(updates, { session });
    return deletedCount;
  }
}

/** Lets an artifact that is not kept for good expire no earlier than this. */
function laterEnd(untilMs: number) {
  const later = {
    $cond: [{ $ifNull: ["$expires_at", false] }, { $max: ["$expires_at", untilMs] }, "$$REMOVE"],
  };
  return [{ $set: { expires_at: later } }];
}

function idsOf(businessId: string, sha256s: readonly string[]): string[] {
  return sha256s.map((sha256) => `${businessId}/${sha256}`);
}

function lastPart(key: string): string {
  return key.slice(key.lastIndexOf("/") + 1);
}
