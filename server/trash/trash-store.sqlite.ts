import type { TrashKind } from "../../shared/trash.ts";
import type { Migration, SqliteStore } from "../store/sqlite.ts";
import {
  type IntoTrash,
  type Move,
  type MovedKind,
  type RestoreOutcome,
  type TrashRecord,
  type TrashStore,
  tablesOf,
} from "./trash-store.ts";

export const trashMigrations: Migration[] = [
  {
    id: "trash-1",
    sql: `
      CREATE TABLE compute_trash (
        trash_id TEXT PRIMARY KEY,
        business_id TEXT NOT NULL,
        kind TEXT NOT NULL,
        user_id TEXT NOT NULL,
        items TEXT NOT NULL,
        name TEXT,
        deleted_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
      ) STRICT, WITHOUT ROWID;
      CREATE INDEX compute_trash_by_age ON compute_trash (business_id, trash_id);
      CREATE INDEX compute_trash_by_kind ON compute_trash (business_id, kind);
      CREATE INDEX compute_trash_expiring ON compute_trash (expires_at);
    `,
  },
];

const COLUMNS = `trash_id AS trashId, business_id AS businessId, kind, user_id AS userId, items, name,
  deleted_at AS deletedAtMs, expires_at AS expiresAtMs`;

const FORGET_USED_KEYS = `UPDATE compute_jobs SET idempotency_key = NULL
  WHERE business_id = $trashId AND idempotency_key IS NOT NULL AND EXISTS (
    SELECT 1 FROM compute_jobs used WHERE used.business_id = $businessId
      AND used.user_id = compute_jobs.user_id AND used.idempotency_key = compute_jobs.idempotency_key)`;

type Row = Omit<TrashRecord, "items" | "name"> & { items: string; name: string | null };

/** Call it in the write that deletes. */
export function insertTrash(
  store: SqliteStore,
  businessId: string,
  kind: TrashKind,
  items: readonly string[],
  { trashId, userId, name, deletedAtMs, expiresAtMs }: IntoTrash,
): void {
  store.run(
    `INSERT INTO compute_trash (trash_id, business_id, kind, user_id, items, name, deleted_at, expires_at)
     VALUES ($trashId, $businessId, $kind, $userId, $items, $name, $deletedAtMs, $expiresAtMs)`,
    { trashId, businessId, kind, userId, items: JSON.stringify(items), name, deletedAtMs, expiresAtMs },
  );
}

/** Moves rows of a kind out of the business and into the entry, or back. Call it in the write that deletes. */
export function moveRows(
  store: SqliteStore,
  kind: MovedKind,
  ids: readonly string[],
  { from, to }: Move,
): void {
  const { tables, column } = tablesOf[kind];
  for (const table of tables) {
    store.run(
      `UPDATE ${table} SET business_id = $to
       WHERE ${column} IN (SELECT value FROM json_each($ids)) AND business_id = $from`,
      { from, to, ids: JSON.stringify(ids) },
    );
  }
}

/** Moves these rows of the business into an entry of their own. Call it in the write that deletes. */
export function putInTrash(
  store: SqliteStore,
  businessId: string,
  kind: MovedKind,
  items: readonly string[],
  into: IntoTrash,
): void {
  insertTrash(store, businessId, kind, items, into);
  moveRows(store, kind, items, { from: businessId, to: into.trashId });
}

/** The same for artifacts, which become drafts that expire with the entry. Returns the ids of those that existed. */
export function putArtifactsInTrash(
  store: SqliteStore,
  businessId: string,
  artifactIds: readonly string[],
  into: IntoTrash,
): string[] {
  const moved = store
    .all<{ artifact_id: string }>(
      `UPDATE compute_artifacts SET live = 0, trashed_expires_at = expires_at, expires_at = $untilMs
       WHERE artifact_id IN (SELECT value FROM json_each($ids)) AND +business_id = $businessId AND live = 1
       RETURNING artifact_id`,
      { businessId, ids: JSON.stringify(artifactIds), untilMs: into.expiresAtMs },
    )
    .map((row) => row.artifact_id);
  if (moved.length > 0) insertTrash(store, businessId, "artifacts", moved, into);
  return moved;
}

/** Whether the trash has secrets of the business; their data key must stay. */
export function hasTrashedSecrets(store: SqliteStore, businessId: string): boolean {
  const sql =
    "SELECT 1 AS one FROM compute_trash WHERE business_id = $businessId AND kind = 'secrets' LIMIT 1";
  return store.get(sql, { businessId }) !== undefined;
}

/** Deletes the secrets of the business that are in the trash for good. */
export function dropTrashedSecrets(store: SqliteStore, businessId: string): void {
  const gone = store.all<{ trashId: string }>(
    "DELETE FROM compute_trash WHERE business_id = $businessId AND kind = 'secrets' RETURNING trash_id AS trashId",
    { businessId },
  );
  const ids = JSON.stringify(gone.map(({ trashId }) => trashId));
  const sql = "DELETE FROM compute_job_secrets WHERE business_id IN (SELECT value FROM json_each($ids))";
  store.run(sql, { ids });
}

export class SqliteTrashStore implements TrashStore {
  constructor(private readonly store: SqliteStore) {}

  async list(businessId: string, beforeTrashId: string | undefined, limit: number): Promise<TrashRecord[]> {
    const before = beforeTrashId === undefined ? "" : "AND trash_id < $before";
    return this.store
      .all<Row>(
        `SELECT ${COLUMNS} FROM compute_trash WHERE business_id = $businessId ${before}
         ORDER BY trash_id DESC LIMIT $limit`,
        { businessId, limit, ...(beforeTrashId !== undefined && { before: beforeTrashId }) },
      )
      .map(recordFrom);
  }

  async find(businessId: string, trashId: string): Promise<TrashRecord | undefined> {
    return this.read(businessId, trashId);
  }

  async restore(businessId: string, trashId: string): Promise<RestoreOutcome> {
    try {
      return await this.store.write(() => this.restoreNow(businessId, trashId));
    } catch (error) {
      if (isTaken(error)) return "taken";
      throw error;
    }
  }

  async expired(nowMs: number, limit: number): Promise<TrashRecord[]> {
    return this.store
      .all<Row>(
        `SELECT ${COLUMNS} FROM compute_trash WHERE expires_at <= $nowMs ORDER BY expires_at LIMIT $limit`,
        { nowMs, limit },
      )
      .map(recordFrom);
  }

  forget(trashId: string): Promise<void> {
    return this.store.write(() => {
      this.store.run("DELETE FROM compute_trash WHERE trash_id = $trashId", { trashId });
    });
  }

  /** Throws if a unique name or key is taken; then nothing was changed. */
  private restoreNow(businessId: string, trashId: string): RestoreOutcome {
    const found = this.read(businessId, trashId);
    if (!found) return "missing";
    const ids = { businessId, trashId };
    // A key that was used again belongs to the newer job.
    if (found.kind === "jobs") this.store.run(FORGET_USED_KEYS, ids);
    if (found.kind === "artifacts") this.restoreArtifacts(found);
    else moveRows(this.store, found.kind, this.takenBy(found), { from: trashId, to: businessId });
    this.store.run("DELETE FROM compute_trash WHERE trash_id = $trashId", { trashId });
    return "restored";
  }

  /** The items, and the jobs of arrays among them. */
  private takenBy({ kind, trashId, items }: TrashRecord): readonly string[] {
    if (kind !== "jobs") return items;
    const sql = "SELECT job_id FROM compute_jobs WHERE business_id = $trashId";
    return this.store.all<{ job_id: string }>(sql, { trashId }).map(({ job_id }) => job_id);
  }

  private restoreArtifacts({ businessId, items }: TrashRecord): void {
    this.store.run(
      `UPDATE compute_artifacts SET live = 1, expires_at = trashed_expires_at, trashed_expires_at = NULL
       WHERE artifact_id IN (SELECT value FROM json_each($items)) AND business_id = $businessId`,
      { businessId, items: JSON.stringify(items) },
    );
  }

  private read(businessId: string, trashId: string): TrashRecord | undefined {
    const sql = `SELECT ${COLUMNS} FROM compute_trash WHERE trash_id = $trashId AND business_id = $businessId`;
    const row = this.store.get<Row>(sql, { businessId, trashId });
    return row && recordFrom(row);
  }
}

function recordFrom({ items, name, ...row }: Row): TrashRecord {
  return { ...row, items: JSON.parse(items) as string[], name: name ?? undefined };
}

function isTaken(error: unknown): boolean {
  const { code } = ((error as Error).cause ?? {}) as { code?: string };
  return code === "SQLITE_CONSTRAINT_UNIQUE" || code === "SQLITE_CONSTRAINT_PRIMARYKEY";
}
