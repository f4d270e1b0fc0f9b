import type { SQLQueryBindings } from "bun:sqlite";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
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

export const artifactMigrations: Migration[] = [
  {
    id: "artifact-1",
    // Digests are binary, and blobs are in their order: a request finds thousands of them in a few milliseconds.
    sql: `
      CREATE TABLE compute_blobs (
        business_id TEXT NOT NULL,
        sha256 BLOB NOT NULL,
        pack_id TEXT NOT NULL,
        offset INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        touched_at INTEGER NOT NULL,
        PRIMARY KEY (business_id, sha256)
      ) STRICT, WITHOUT ROWID;
      CREATE TABLE compute_packs (
        business_id TEXT NOT NULL,
        pack_id TEXT NOT NULL,
        begun_at INTEGER NOT NULL,
        blobs INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        removed INTEGER NOT NULL,
        PRIMARY KEY (business_id, pack_id)
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_packs_empty ON compute_packs (begun_at) WHERE blobs = 0;
      CREATE INDEX compute_packs_used ON compute_packs (business_id, bytes);
      CREATE TABLE compute_artifacts (
        artifact_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        live INTEGER NOT NULL,
        user_id TEXT,
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        type TEXT NOT NULL,
        tree_sha256 TEXT NOT NULL,
        tree TEXT NOT NULL,
        files INTEGER NOT NULL,
        bytes INTEGER NOT NULL,
        job_id TEXT,
        execution_id TEXT,
        attempt INTEGER,
        created_at INTEGER NOT NULL,
        expires_at INTEGER,
        held_until INTEGER
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_artifacts_by_age ON compute_artifacts (business_id, artifact_id) WHERE live = 1;
      CREATE INDEX compute_artifacts_by_kind ON compute_artifacts (business_id, kind, artifact_id) WHERE live = 1;
      CREATE INDEX compute_artifacts_by_job ON compute_artifacts (job_id, artifact_id)
        WHERE live = 1 AND job_id IS NOT NULL;
      CREATE INDEX compute_artifacts_by_tree ON compute_artifacts (tree_sha256, business_id) WHERE live = 1;
    `,
  },
  {
    id: "artifact-2",
    // What `expires_at` was before the artifact went into the trash.
    sql: "ALTER TABLE compute_artifacts ADD COLUMN trashed_expires_at INTEGER",
  },
];

const DIGESTS = "(SELECT unhex(value) FROM json_each($digests))";
const INSERT_BLOB = `
  INSERT INTO compute_blobs (business_id, sha256, pack_id, offset, bytes, touched_at)
  VALUES ($businessId, unhex($sha256), $packId, $offset, $bytes, $nowMs) ON CONFLICT DO NOTHING`;
const IDS = "(SELECT value FROM json_each($ids))";
/** The later of two times, where NULL is never. */
const LATER_END = "CASE WHEN expires_at < $untilMs THEN $untilMs ELSE expires_at END";

type Counted = Pick<BlobPlace, "packId" | "bytes">;

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
      `SELECT lower(hex(sha256)) AS sha256, bytes, pack_id AS packId, offset FROM compute_blobs
       WHERE business_id = $businessId AND sha256 IN ${DIGESTS}`,
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
      const pack = { businessId, packId };
      const known = this.store.get(
        "SELECT 1 AS one FROM compute_packs WHERE business_id = $businessId AND pack_id = $packId AND removed = 0",
        pack,
      );
      if (known === undefined) return false;
      // One by one takes less time than a list that SQLite has to read.
      const added = blobs.filter(({ sha256, offset, bytes }) => {
        const row = { ...pack, sha256, offset, bytes, nowMs };
        return this.store.run(INSERT_BLOB, row) > 0;
      });
      const digests = blobs.map((blob) => blob.sha256);
      if (added.length < blobs.length) this.touch(businessId, digests, nowMs);
      this.count(businessId, added, 1);
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
      `SELECT business_id AS businessId, lower(hex(sha256)) AS sha256, touched_at AS touchedAtMs FROM compute_blobs
       WHERE (business_id, sha256) > ($businessId, unhex($sha256))
       ORDER BY compute_blobs.business_id, compute_blobs.sha256 LIMIT $limit`,
      { businessId: after?.businessId ?? "", sha256: after?.sha256 ?? "", limit },
    );
    const keys = rows.map(({ businessId, sha256 }) => ({ businessId, sha256 }));
    const old = keys.filter((_, i) => (rows[i]?.touchedAtMs ?? touchedBeforeMs) < touchedBeforeMs);
    return { old, next: rows.length < limit ? undefined : keys.at(-1) };
  }

  deleteBlobs(businessId: string, sha256s: readonly string[], touchedBeforeMs: number): Promise<number> {
    return this.store.write(() => {
      const gone = this.store.all<Counted>(
        `DELETE FROM compute_blobs WHERE business_id = $businessId AND sha256 IN ${DIGESTS}
           AND touched_at < $touchedBeforeMs
         RETURNING pack_id AS packId, bytes`,
        { businessId, digests: JSON.stringify(sha256s), touchedBeforeMs },
      );
      this.count(businessId, gone, -1);
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
       FROM json_each($digests) CROSS JOIN compute_blobs ON business_id = $businessId AND sha256 = unhex(value)`,
      { businessId, digests: JSON.stringify(sha256s), nowMs, staleMs: nowMs - this.touchEveryMs },
    );
    const stale = found.flatMap((row) => (row.stale === 1 ? (sha256s[row.place] ?? []) : []));
    if (stale.length > 0) {
      this.store.run(
        `UPDATE compute_blobs SET touched_at = $nowMs WHERE business_id = $businessId AND sha256 IN ${DIGESTS}`,
        { businessId, digests: JSON.stringify(stale), nowMs },
      );
    }
    const sizes = Array<number | undefined>(sha256s.length).fill(undefined);
    for (const { place, bytes } of found) sizes[place] = bytes;
    return sizes;
  }

  /** Counts blobs that came into their packs (1) or are gone from them (-1). */
  private count(businessId: string, blobs: readonly Counted[], sign: 1 | -1): void {
    for (const [packId, some] of Map.groupBy(blobs, (blob) => blob.packId)) {
      const bytes = some.reduce((sum, blob) => sum + blob.bytes, 0);
      this.store.run(
        `UPDATE compute_packs SET blobs = blobs + $blobs, bytes = bytes + $bytes
         WHERE business_id = $businessId AND pack_id = $packId`,
        { businessId, packId, blobs: sign * some.length, bytes: sign * bytes },
      );
    }
  }
}
