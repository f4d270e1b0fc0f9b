import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { ComputeError } from "../../shared/errors.ts";

/** One step of the schema; applied once, in order, each in a transaction of its own. Never edit one that was released. */
export interface Migration {
  /** Unique over all features, as `job-1`. */
  id: string;
  sql: string;
}

const LOOK_EVERY_MS = 1_000;

interface PendingWrite {
  run: () => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

/**
 * The embedded store: one SQLite file in WAL mode, opened by one process.
 *
 * Writes are grouped: all that were asked for during one turn of the event loop share one transaction and one
 * fsync, and every caller is answered only when that is on disk. A write that throws does not touch the others of
 * its group: the group is rolled back and each of its writes is applied in a transaction of its own.
 */
export class SqliteStore {
  private readonly db: Database;
  private readonly statements = new Map<string, Statement>();
  private pending: PendingWrite[] = [];
  private flushTimer: ReturnType<typeof setImmediate> | undefined;
  private isClosed = false;
  private lastLook: { atMs: number; answer: Promise<boolean> } | undefined;

  /**
   * @param path of the database file, or `:memory:`. Throws when another process has the file open.
   * @param makeRoom is asked when the disk is full; where it answers true, the write is tried once more.
   */
  constructor(
    path: string,
    migrations: readonly Migration[],
    private readonly makeRoom: () => boolean = () => false,
  ) {
    if (path !== ":memory:") makePrivate(path);
    this.db = new Database(path, { create: true, strict: true });
    try {
      this.prepareFile();
      this.migrate(migrations);
    } catch (error) {
      this.close();
      if (isBusy(error)) throw new StoreInUseError(path, { cause: error });
      throw error;
    }
  }

  /** A read outside any write; it sees everything that was acknowledged. */
  all<Row>(sql: string, bindings: Record<string, SQLQueryBindings> = {}): Row[] {
    return this.statement(sql).all(bindings) as Row[];
  }

  get<Row>(sql: string, bindings: Record<string, SQLQueryBindings> = {}): Row | undefined {
    return (this.statement(sql).get(bindings) as Row | null) ?? undefined;
  }

  /** Changes rows; only to be called inside `write`. What is undefined becomes NULL. Returns how many rows changed. */
  run(sql: string, bindings: Record<string, SQLQueryBindings | undefined> = {}): number {
    return this.statement(sql).run(bindings as Record<string, SQLQueryBindings>).changes;
  }

  /**
   * Runs `change` (which must be synchronous and may read what it wants to base its writes on) in a transaction and
   * resolves with what it returned when that is on disk. It may run twice, so it must not touch anything but the
   * store. Rejects with what it threw, with `storage_failed` when the disk refused, or with `unavailable` after `close`.
   */
  write<T>(change: () => T): Promise<T> {
    if (this.isClosed) return Promise.reject(closed());
    return new Promise<T>((resolve, reject) => {
      this.pending.push({ run: change, resolve: resolve as (value: unknown) => void, reject });
      this.flushTimer ??= setImmediate(() => this.flush());
    });
  }

  /** The same as `write`, for what must not be found any more in the file afterwards, nor in the log beside it. */
  async writeOver<T>(change: () => T): Promise<void> {
    this.db.exec("PRAGMA secure_delete = ON");
    try {
      await this.write(change);
    } finally {
      this.db.exec("PRAGMA secure_delete = OFF");
    }
    this.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** Runs a PRAGMA of the file's own upkeep, outside of any transaction. */
  maintain(pragma: string): void {
    this.db.exec(pragma);
  }

  /** Whether a change gets to the disk now; a full one takes none. Asks the disk at most once a second. */
  canWrite(): Promise<boolean> {
    const nowMs = performance.now();
    if (this.lastLook && Math.abs(nowMs - this.lastLook.atMs) < LOOK_EVERY_MS) return this.lastLook.answer;
    const change =
      "UPDATE compute_migrations SET applied_at = applied_at WHERE id = (SELECT min(id) FROM compute_migrations)";
    const answer = this.write(() => this.run(change)).then(
      () => true,
      () => false,
    );
    this.lastLook = { atMs: nowMs, answer };
    return answer;
  }

  /** Writes what is pending and closes the file. */
  close(): void {
    this.isClosed = true;
    this.flush();
    for (const statement of this.statements.values()) statement.finalize();
    this.statements.clear();
    this.db.close();
  }

  private flush(): void {
    if (this.flushTimer) clearImmediate(this.flushTimer);
    this.flushTimer = undefined;
    const group = this.pending;
    this.pending = [];
    if (group.length === 0) return;
    const results = this.attempt(() => group.map((write) => write.run()));
    if (results.ok) {
      for (const [i, write] of group.entries()) write.resolve(results.value[i]);
      return;
    }
    for (const write of group) {
      const result = group.length === 1 ? results : this.attempt(write.run);
      if (result.ok) write.resolve(result.value);
      else write.reject(result.error);
    }
  }

  private attempt<T>(body: () => T): { ok: true; value: T } | { ok: false; error: unknown } {
    try {
      this.db.exec("BEGIN IMMEDIATE");
      const value = body();
      this.db.exec("COMMIT");
      return { ok: true, value };
    } catch (error) {
      if (this.db.inTransaction) this.db.exec("ROLLBACK");
      if (isFull(error) && this.makeRoom()) return this.attempt(body);
      return { ok: false, error: isSqliteError(error) ? storageFailed(error) : error };
    }
  }

  private statement(sql: string): Statement {
    let statement = this.statements.get(sql);
    if (!statement) {
      statement = this.db.prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }

  private prepareFile(): void {
    // EXCLUSIVE: a second server on the same file is refused at once instead of corrupting what this one believes.
    this.db.exec("PRAGMA locking_mode = EXCLUSIVE");
    // Only counts for a file that is new: what is deleted can be given back to the disk, a page at a time.
    this.db.exec("PRAGMA auto_vacuum = INCREMENTAL");
    this.db.exec("PRAGMA journal_mode = WAL");
    // FULL: a commit is fsynced before it is acknowledged.
    this.db.exec("PRAGMA synchronous = FULL");
    this.db.exec("PRAGMA foreign_keys = ON");
    this.db.exec("PRAGMA cache_size = -65536");
    this.db.exec(
      "CREATE TABLE IF NOT EXISTS compute_migrations (id TEXT PRIMARY KEY, applied_at INTEGER NOT NULL)",
    );
  }

  private migrate(migrations: readonly Migration[]): void {
    const applied = new Set(
      this.all<{ id: string }>("SELECT id FROM compute_migrations").map((row) => row.id),
    );
    const unknown = [...applied].filter((id) => !migrations.some((one) => one.id === id));
    if (unknown.length > 0) throw new NewerStoreError(unknown);
    for (const migration of migrations.filter((one) => !applied.has(one.id))) {
      const result = this.attempt(() => {
        this.db.exec(migration.sql);
        this.run("INSERT INTO compute_migrations (id, applied_at) VALUES ($id, $at)", {
          id: migration.id,
          at: Date.now(),
        });
      });
      if (!result.ok)
        throw new Error(`Migration ${migration.id} failed: ${String(result.error)}`, { cause: result.error });
    }
  }
}

/** SQLite gives the log beside a database file the mode of that file, so it must be right before the first write. */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  // What an older release left, or a server that was killed.
  for (const one of [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]) {
    const entry = statSync(one, { throwIfNoEntry: false });
    // A device that a link leads to is everybody's, and no store.
    if (entry?.isFile() && (entry.mode & 0o077) !== 0) chmodSync(one, 0o600);
  }
}

/** The store was made by a later version, whose schema this one does not know. */
export class NewerStoreError extends Error {
  override name = "NewerStoreError";

  constructor(steps: readonly string[]) {
    super(`a newer version of tanvrit-compute has changed the store (${steps.join(", ")})`);
  }
}

/** Another server has this data directory open. */
export class StoreInUseError extends Error {
  override name = "StoreInUseError";

  constructor(path: string, options: ErrorOptions) {
    super(`${path} is in use by another server`, options);
  }
}

function isSqliteError(error: unknown): error is Error & { code?: string } {
  return error instanceof Error && error.name === "SQLiteError";
}

function isBusy(error: unknown): boolean {
  return isSqliteError(error) && (error.code ?? "").startsWith("SQLITE_BUSY");
}

function isFull(error: unknown): boolean {
  return isSqliteError(error) && (error.code ?? "").startsWith("SQLITE_FULL");
}

/** Of a request that the server did not wait for any longer when it stopped. */
function closed(): ComputeError {
  return new ComputeError("unavailable", "The server is stopping. Send this again when it is back.");
}

function storageFailed(cause: Error & { code?: string }): ComputeError {
  return new ComputeError("storage_failed", `The store refused the change: ${cause.message}`, { cause });
}
