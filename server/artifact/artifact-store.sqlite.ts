import type { SQLQueryBindings } from "bun:sqlite";
import type { SqliteStore } from "../store/sqlite.ts";
import { putArtifactsInTrash } from "../trash/trash-store.sqlite.ts";
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
  packOf,
  type ScannedArtifact,
  TOUCH_EVERY_MS,
} from "./artifact-store.ts";

const DIGESTS = "(SELECT unhex(value) FROM json_each($digests))";
const INSERT_BLOB = `
  INSERT INTO compute_blobs (business, sha256, pack, offset, bytes, touched_at)
  VALUES ($business, unhex($sha256), $pack, $offset, $bytes, $nowMs) ON CONFLICT DO NOTHING`;
/** A business without a number has no blobs. */
const BUSINESS = "(SELECT business FROM compute_business_numbers WHERE business_id = $businessId)";
const IDS = "(SELECT value FROM json_each($ids))";
/** The later of two times, where NULL is never. */
const LATER_END = "CASE WHEN expires_at < $untilMs THEN $untilMs ELSE expires_at END";

/** The number of a pack, and the bytes of a blob in it. */
interface Counted {
  pack: number;
  bytes: number;
}

export class SqliteArtifactStore implements ArtifactStore {
  constructor(
    private readonly store: SqliteStore,
    private readonly touchEveryMs = TOUCH_EVERY_MS,
  ) {}

  touchBlobs(businessId: string, sha256s: readonly string[], nowMs: number): Promise<(number | undefined)[]> {
    return this.store.write(() => this.touch(businessId, sha256s, nowMs));
  }

  async findBlobs(businessId: string, sha256s: readonly string[]): Promise<BlobPlace[]> {
    return this.store.all<BlobPlace>(
      `SELECT lower(hex(sha256)) AS sha256, compute_blobs.bytes, pack_id AS packId, offset
       FROM compute_blobs CROSS JOIN compute_packs USING (pack)
       WHERE business = ${BUSINESS} AND sha256 IN ${DIGESTS}`,
      { businessId, digests: JSON.stringify(sha256s) },
    );
  }

  beginPack(businessId: string, packId: string, nowMs: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_packs (business_id, pack_id, begun_at, blobs, bytes, removed)
         VALUES ($businessId, $packId, $nowMs, 0, 0, 0)`,
        { businessId, packId, nowMs },
      );
    });
  }

  finishPack(businessId: string, packId: string, blobs: readonly BlobPlace[], nowMs: number) {
    return this.store.write(() => {
      const known = this.store.get<{ pack: number }>(
        "SELECT pack FROM compute_packs WHERE business_id = $businessId AND pack_id = $packId AND removed = 0",
        { businessId, packId },
      );
      if (known === undefined) return false;
      const { pack } = known;
      const business = this.numberOf(businessId);
      // One by one takes less time than a list that SQLite has to read.
      const added = blobs.filter(({ sha256, offset, bytes }) => {
        const row = { business, pack, sha256, offset, bytes, nowMs };
        return this.store.run(INSERT_BLOB, row) > 0;
      });
      const digests = blobs.map((blob) => blob.sha256);
      if (added.length < blobs.length) this.touch(businessId, digests, nowMs);
      this.count(
        added.map(({ bytes }) => ({ pack, bytes })),
        1,
      );
      return true;
    });
  }

  begin({ artifactId, businessId, tree, expiresAtMs }: ArtifactDraft): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `INSERT INTO compute_artifacts (artifact_id, business_id, live, kind, name, type, tree_sha256, tree, files, bytes,
           created_at, expires_at)
         VALUES ($artifactId, $businessId, 0, 'upload', '', 'file', $treeSha256, $tree, 0, 0, 0, $expiresAtMs)`,
        { artifactId, businessId, treeSha256: tree.sha256, tree: JSON.stringify(tree), expiresAtMs },
      );
    });
  }

  insert(artifact: ArtifactRecord): Promise<boolean> {
    return this.store.write(() => {
      const changed = this.store.run(
        `UPDATE compute_artifacts SET live = 1, user_id = $user_id, kind = $kind, name = $name, type = $type,
           tree_sha256 = $tree_sha256, tree = $tree, files = $files, bytes = $bytes, job_id = $job_id,
           execution_id = $execution_id, attempt = $attempt, created_at = $created_at, expires_at = $expires_at
         WHERE artifact_id = $artifact_id AND business_id = $business_id`,
        { ...rowOf(artifact) },
      );
      return changed > 0;
    });
  }

  reuse(
    { businessId, userId, kind, name, type, tree }: Parameters<ArtifactStore["reuse"]>[0],
    untilMs: number | undefined,
  ): Promise<ArtifactRecord | undefined> {
    const wanted = { businessId, userId: userId ?? null, kind, name, type, treeSha256: tree.sha256 };
    return this.store.write(() => {
      const row = this.store.get<ArtifactRow>(
        `UPDATE compute_artifacts SET expires_at = ${untilMs === undefined ? "NULL" : LATER_END}
         WHERE artifact_id = (
           SELECT max(artifact_id) FROM compute_artifacts WHERE tree_sha256 = $treeSha256 AND business_id = $businessId
             AND user_id IS $userId AND live = 1 AND kind = $kind AND name = $name AND type = $type)
         RETURNING *`,
        { ...wanted, ...(untilMs !== undefined && { untilMs }) },
      );
      return row && artifactFrom(row);
    });
  }

  hold(businessId: string, artifactIds: readonly string[], untilMs: number): Promise<ArtifactRecord[]> {
    return this.store.write(() =>
      this.store
        .all<ArtifactRow>(
          `UPDATE compute_artifacts SET held_until = max(coalesce(held_until, 0), $untilMs)
           WHERE artifact_id IN ${IDS} AND business_id = $businessId AND live = 1 RETURNING *`,
          { businessId, ids: JSON.stringify(artifactIds), untilMs },
        )
        .map(artifactFrom),
    );
  }

  async find(businessId: string, artifactIds: readonly string[]): Promise<ArtifactRecord[]> {
    return this.store
      .all<ArtifactRow>(
        `SELECT * FROM compute_artifacts
         WHERE artifact_id IN ${IDS} AND +business_id = $businessId AND live = 1`,
        { businessId, ids: JSON.stringify(artifactIds) },
      )
      .map(artifactFrom);
  }

  async list({ businessId, jobId, kind, beforeId, limit }: ArtifactQuery): Promise<ArtifactRecord[]> {
    const where = ["business_id = $businessId", "live = 1"];
    const bindings: Record<string, SQLQueryBindings> = { businessId, limit };
    if (jobId !== undefined) {
      // The `+` keeps SQLite in the index of the job, which has few artifacts.
      where[0] = "+business_id = $businessId";
      where.push("job_id = $jobId");
      bindings.jobId = jobId;
    }
    if (kind !== undefined) {
      where.push("kind = $kind");
      bindings.kind = kind;
    }
    if (beforeId !== undefined) {
      where.push("artifact_id < $beforeId");
      bindings.beforeId = beforeId;
    }
    const sql = `SELECT * FROM compute_artifacts WHERE ${where.join(" AND ")} ORDER BY artifact_id DESC LIMIT $limit`;
    return this.store.all<ArtifactRow>(sql, bindings).map(artifactFrom);
  }

  delete(businessId: string, artifactIds: readonly string[], into?: IntoTrash): Promise<string[]> {
    if (into) return this.store.write(() => putArtifactsInTrash(this.store, businessId, artifactIds, into));
    return this.store.write(() =>
      this.store
        .all<{ artifact_id: string }>(
          `DELETE FROM compute_artifacts WHERE artifact_id IN ${IDS} AND +business_id = $businessId
           RETURNING artifact_id`,
          { businessId, ids: JSON.stringify(artifactIds) },
        )
        .map((row) => row.artifact_id),
    );
  }

  async usedBytes(businessId: string): Promise<number> {
    const sum = this.store.get<{ n: number | null }>(
      "SELECT sum(bytes) AS n FROM compute_packs WHERE business_id = $businessId",
      { businessId },
    );
    return sum?.n ?? 0;
  }

  async scanArtifacts(afterId: string | undefined, limit: number): Promise<ScannedArtifact[]> {
    return this.store
      .all<ScannedRow>(
        `SELECT artifact_id, business_id, live, kind, tree, job_id, expires_at, held_until FROM compute_artifacts
         WHERE artifact_id > $after ORDER BY artifact_id LIMIT $limit`,
        { after: afterId ?? "", limit },
      )
      .map(scannedFrom);
  }

  keep({ businessId, artifactId }: Parameters<ArtifactStore["keep"]>[0], untilMs: number): Promise<void> {
    return this.store.write(() => {
      this.store.run(
        `UPDATE compute_artifacts SET expires_at = ${LATER_END}
         WHERE artifact_id = $artifactId AND business_id = $businessId`,
        { businessId, artifactId, untilMs },
      );
    });
  }

  expire({ businessId, artifactId, isDraft, expiresAtMs, heldUntilMs }: ScannedArtifact): Promise<boolean> {
    return this.store.write(() => {
      const removed = this.store.run(
        `DELETE FROM compute_artifacts WHERE artifact_id = $artifactId AND business_id = $businessId
           AND live = $live AND expires_at IS $expiresAtMs AND held_until IS $heldUntilMs`,
        {
          businessId,
          artifactId,
          live: isDraft ? 0 : 1,
          expiresAtMs: expiresAtMs ?? null,
          heldUntilMs: heldUntilMs ?? null,
        },
      );
      return removed > 0;
    });
  }

  async scanBlobs(after: BlobKey | undefined, touchedBeforeMs: number, limit: number) {
    // Filtered here: in SQL it would read on until the page is full, and nothing else is served meanwhile.
    const rows = this.store.all<BlobKey & { touchedAtMs: number }>(
      `SELECT business_id AS businessId, lower(hex(sha256)) AS sha256, touched_at AS touchedAtMs
       FROM compute_blobs CROSS JOIN compute_business_numbers USING (business)
       WHERE (compute_blobs.business, compute_blobs.sha256) > (coalesce(${BUSINESS}, 0), unhex($sha256))
       ORDER BY compute_blobs.business, compute_blobs.sha256 LIMIT $limit`,
      { businessId: after?.businessId ?? "", sha256: after?.sha256 ?? "", limit },
    );
    const keys = rows.map(({ businessId, sha256 }) => ({ businessId, sha256 }));
    const old = keys.filter((_, i) => (rows[i]?.touchedAtMs ?? touchedBeforeMs) < touchedBeforeMs);
    return { old, next: rows.length < limit ? undefined : keys.at(-1) };
  }

  deleteBlobs(businessId: string, sha256s: readonly string[], touchedBeforeMs: number): Promise<number> {
    return this.store.write(() => {
      const gone = this.store.all<Counted>(
        `DELETE FROM compute_blobs WHERE business = ${BUSINESS} AND sha256 IN ${DIGESTS}
           AND touched_at < $touchedBeforeMs
         RETURNING pack, bytes`,
        { businessId, digests: JSON.stringify(sha256s), touchedBeforeMs },
      );
      this.count(gone, -1);
      return gone.length;
    });
  }

  takeEmptyPacks(begunBeforeMs: number, limit: number): Promise<string[]> {
    return this.store.write(() =>
      this.store
        .all<{ business_id: string; pack_id: string }>(
          `UPDATE compute_packs SET removed = 1 WHERE (business_id, pack_id) IN (
             SELECT business_id, pack_id FROM compute_packs WHERE blobs = 0 AND begun_at < $begunBeforeMs
             ORDER BY begun_at LIMIT $limit)
           RETURNING business_id, pack_id`,
          { begunBeforeMs, limit },
        )
        .map((row) => packKey(row.business_id, row.pack_id)),
    );
  }

  forgetPacks(keys: readonly string[]): Promise<void> {
    return this.store.write(() => {
      for (const key of keys) {
        this.store.run(
          "DELETE FROM compute_packs WHERE business_id = $businessId AND pack_id = $packId AND blobs = 0",
          { ...packOf(key) },
        );
      }
    });
  }

  async scanPacks(afterKey: string | undefined, limit: number): Promise<IndexedPack[]> {
    const rows = this.store.all<{
      business_id: string;
      pack_id: string;
      blobs: number;
      bytes: number;
      begun_at: number;
    }>(
      `SELECT business_id, pack_id, blobs, bytes, begun_at FROM compute_packs
       WHERE (business_id, pack_id) > ($businessId, $packId) ORDER BY business_id, pack_id LIMIT $limit`,
      { ...packOf(afterKey ?? "/"), limit },
    );
    return rows.map(({ business_id, pack_id, blobs, bytes, begun_at }) => ({
      key: packKey(business_id, pack_id),
      blobs,
      bytes,
      begunAtMs: begun_at,
    }));
  }

  async unknownPacks(keys: readonly string[]): Promise<string[]> {
    return keys.filter(
      (key) =>
        this.store.get(
          "SELECT 1 AS one FROM compute_packs WHERE business_id = $businessId AND pack_id = $packId",
          { ...packOf(key) },
        ) === undefined,
    );
  }

  private touch(businessId: string, sha256s: readonly string[], nowMs: number): (number | undefined)[] {
    // One look for all digests, and a write only for those that need it.
    const found = this.store.all<{ place: number; bytes: number; stale: number }>(
      `SELECT key AS place, bytes, touched_at <= $staleMs AND touched_at < $nowMs AS stale
       FROM json_each($digests) CROSS JOIN compute_blobs ON business = ${BUSINESS} AND sha256 = unhex(value)`,
      { businessId, digests: JSON.stringify(sha256s), nowMs, staleMs: nowMs - this.touchEveryMs },
    );
    const stale = found.flatMap((row) => (row.stale === 1 ? (sha256s[row.place] ?? []) : []));
    if (stale.length > 0) {
      this.store.run(
        `UPDATE compute_blobs SET touched_at = $nowMs WHERE business = ${BUSINESS} AND sha256 IN ${DIGESTS}`,
        { businessId, digests: JSON.stringify(stale), nowMs },
      );
    }
    const sizes = Array<number | undefined>(sha256s.length).fill(undefined);
    for (const { place, bytes } of found) sizes[place] = bytes;
    return sizes;
  }

  /** Counts blobs that came into their packs (1) or are gone from them (-1). */
  private count(blobs: readonly Counted[], sign: 1 | -1): void {
    for (const [pack, some] of Map.groupBy(blobs, (blob) => blob.pack)) {
      const bytes = some.reduce((sum, blob) => sum + blob.bytes, 0);
      this.store.run(
        "UPDATE compute_packs SET blobs = blobs + $blobs, bytes = bytes + $bytes WHERE pack = $pack",
        { pack, blobs: sign * some.length, bytes: sign * bytes },
      );
    }
  }

  /** The number of a business, which it gets with its first blob. Never null, which the table of blobs would refuse. */
  private numberOf(businessId: string): number | null {
    const row = this.store.get<{ business: number }>(
      `INSERT INTO compute_business_numbers (business_id) VALUES ($businessId)
       ON CONFLICT DO UPDATE SET business_id = excluded.business_id RETURNING business`,
      { businessId },
    );
    return row?.business ?? null;
  }
}
