import { Database, type SQLQueryBindings, type Statement } from "bun:sqlite";
import { chmodSync, closeSync, mkdirSync, openSync, statfsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { MIB } from "../../shared/bytes-text.ts";
import { ComputeError } from "../../shared/errors.ts";
import { LogSync } from "./log-sync.ts";

/** One step of the schema, applied once and in order, each in its own transaction. Never edit a released step. */
export interface Migration {
  /** Unique across all features, such as `job-1`. */
  id: string;
  sql: string;
}

const LOOK_EVERY_MS = 1_000;
const LOG_PAGES = 4_000;
const LOG_PAGES_ON_SMALL_DISK = 1_000;
const SMALL_DISK_BYTES = 1024 * MIB;
const IDLE_MS = 10;
const FEW = 4;
/** How many times in a row changes may lead to changes that share their sync. */
const FOLLOW_UPS = 2;

type Result<T> = { ok: true; value: T } | { ok: false; error: unknown };

interface PendingWrite {
  run: () => unknown;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
  applied: ((value: unknown) => void) | undefined;
}

/** What one caller of `write` gets once its group is on disk, or if the disk refused that. */
interface Answer {
  give(): void;
  fail(error: unknown): void;
}

/**
 * The embedded store: one SQLite file in WAL mode, opened by one process.
 *
 * Writes are grouped: all writes that come while the group before them is on its way to the disk share one transaction and one
 * fsync, and every caller gets its answer only when that is on disk. Meanwhile this thread goes on. A write that throws does not
 * affect the others in its group: the group is rolled back, and each of its writes is applied in its own transaction.
 *
 * SQLite plans a statement again whenever a value is bound that it has looked at to plan it, such as that of a LIMIT, or one that
 * the condition of a partial index is compared with. That takes longer than most reads. Statements that run for each request
 * hide such values: `+$limit` is the same value, and the planner does not look at it.
 */
export class SqliteStore {
  private readonly db: Database;
  private readonly statements = new Map<string, Statement>();
  private pending: PendingWrite[] = [];
  private flushTimer: ReturnType<typeof setImmediate> | undefined;
  /** The answers of the group that is on its way to the disk. */
  private unsynced: Answer[] | undefined;
  /** The disk refused a group: what it holds of the log is unknown, until the log has been moved into the file. */
  private isLogDoubtful = false;
  private readonly log: LogSync | undefined;
  private isClosed = false;
  /** What `recall` has read since the last change. */
  private readonly recalled = new Map<string, unknown>();
  private lastFlushMs = 0;
  private lastLook: { atMs: number; answer: Promise<boolean> } | undefined;

  /**
   * @param path the database file, or `:memory:`. Throws StoreInUseError if another process has the file open.
   * @param makeRoom called when the disk is full; if it returns true, the write is tried again.
   */
  constructor(
    path: string,
    migrations: readonly Migration[],
    private readonly makeRoom: () => boolean = () => false,
  ) {
    if (path !== ":memory:") makePrivate(path);
    this.log = path === ":memory:" ? undefined : new LogSync(path);
    this.db = new Database(path, { create: true, strict: true });
    try {
      this.prepareFile(path);
      this.migrate(migrations);
    } catch (error) {
      this.close();
      if (isBusy(error)) throw new StoreInUseError(path, { cause: error });
      throw error;
    }
  }

  /** Reads outside any write; it sees every acknowledged write, and those that are on their way to the disk. */
  all<Row>(sql: string, bindings: Record<string, SQLQueryBindings> = {}): Row[] {
    return this.statement(sql).all(bindings) as Row[];
  }

  get<Row>(sql: string, bindings: Record<string, SQLQueryBindings> = {}): Row | undefined {
    return (this.statement(sql).get(bindings) as Row | null) ?? undefined;
  }

  /** What `read` gives, kept until something changes: for reads that many requests in a row repeat. Not inside `write`. */
  recall<T>(key: string, read: () => T): T {
    if (this.recalled.has(key)) return this.recalled.get(key) as T;
    const value = read();
    this.recalled.set(key, value);
    return value;
  }

  /** Changes rows; call it only inside `write`. Undefined becomes NULL. Returns how many rows changed. */
  run(sql: string, bindings: Record<string, SQLQueryBindings | undefined> = {}): number {
    return this.statement(sql).run(bindings as Record<string, SQLQueryBindings>).changes;
  }

  /**
   * Runs `change` in a transaction, and resolves with its return value when that is on disk. `change` must be synchronous
   * and may read before it writes. It may run twice, so it must touch nothing but the store. Rejects with the error that
   * `change` threw, with `storage_failed` if the disk refused, or with `unavailable` after `close`.
   *
   * @param applied called once the change can be read, before it is on disk. Writes that it begins are on disk together with
   *   the change or after it.
   */
  write<T>(change: () => T, applied?: (value: T) => void): Promise<T> {
    if (this.isClosed) return Promise.reject(closed());
    return new Promise<T>((resolve, reject) => {
      const waiting = { resolve: resolve as PendingWrite["resolve"], reject };
      this.pending.push({ run: change, ...waiting, applied: applied as PendingWrite["applied"] });
      this.flushTimer ??= setImmediate(() => this.flush());
    });
  }

  /** Like `write`, and also wipes the replaced bytes from the file and from the log next to it. */
  async writeOver<T>(change: () => T): Promise<void> {
    this.db.exec("PRAGMA secure_delete = ON");
    try {
      await this.write(change);
    } finally {
      this.db.exec("PRAGMA secure_delete = OFF");
    }
    this.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }

  /** Runs a PRAGMA that maintains the file, outside any transaction. */
  maintain(pragma: string): void {
    this.db.exec(pragma);
  }

  /** Whether a change reaches the disk now; on a full disk it does not. Tries at most once a second. */
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

  /** Writes all pending changes and closes the file. */
  close(): void {
    this.isClosed = true;
    const answers = [...(this.unsynced ?? []), ...this.applyPending()];
    this.unsynced = undefined;
    for (const statement of this.statements.values()) statement.finalize();
    this.statements.clear();
    // Moves the log into the file and brings both to the disk.
    this.db.close();
    this.log?.close();
    for (const answer of answers) answer.give();
  }

  /** Applies what is pending, unless the group before it is still on its way to the disk: `synced` then comes back to it. */
  private flush(): void {
    if (this.unsynced) return;
    const answers = this.applyPending();
    for (let i = 0; i < FOLLOW_UPS && this.pending.length > 0; i++) answers.push(...this.applyPending());
    if (answers.length === 0) return;
    this.unsynced = answers;
    if (!this.log) this.synced(answers);
    else if (this.wasIdle() && answers.length <= FEW && this.log.isQuick()) this.syncHere(answers, this.log);
    else
      this.log.sync().then(
        () => this.synced(answers),
        (error) => this.synced(answers, storageFailed(error)),
      );
  }

  /** Whether nothing was written for a while, so that hardly anybody waits for this thread. */
  private wasIdle(): boolean {
    const beforeMs = this.lastFlushMs;
    this.lastFlushMs = performance.now();
    return this.lastFlushMs - beforeMs > IDLE_MS;
  }

  /** Spares the callers the way to another thread and back, which takes longer than the sync of a quick disk. */
  private syncHere(answers: readonly Answer[], log: LogSync): void {
    let failure: Error | undefined;
    try {
      log.syncHere();
    } catch (error) {
      failure = storageFailed(error as Error);
    }
    this.synced(answers, failure);
  }

  private synced(answers: readonly Answer[], failure?: Error): void {
    // The store was closed in the meantime, and all have their answers.
    if (this.unsynced !== answers) return;
    this.unsynced = undefined;
    if (failure) this.isLogDoubtful = true;
    for (const answer of answers) {
      if (failure) answer.fail(failure);
      else answer.give();
    }
    if (this.pending.length > 0) this.flush();
  }

  private applyPending(): Answer[] {
    if (this.flushTimer) clearImmediate(this.flushTimer);
    this.flushTimer = undefined;
    const group = this.pending;
    this.pending = [];
    if (group.length === 0) return [];
    const together = this.attempt(() => group.map((write) => write.run()));
    const resultOf = (write: PendingWrite, i: number): Result<unknown> => {
      if (together.ok) return { ok: true, value: together.value[i] };
      return group.length === 1 ? together : this.attempt(write.run);
    };
    const settled = group.map((write, i) => ({ write, result: resultOf(write, i) }));
    for (const { write, result } of settled) if (result.ok) write.applied?.(result.value);
    return settled.map(({ write, result }) => answerOf(write, result));
  }

  /** Throws if the disk still refuses. */
  private bringLogToFile(): void {
    if (!this.isLogDoubtful) return;
    this.db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    this.isLogDoubtful = false;
  }

  private attempt<T>(body: () => T): Result<T> {
    try {
      this.bringLogToFile();
      this.recalled.clear();
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

  private prepareFile(path: string): void {
    // EXCLUSIVE: a second server on the same file fails immediately, instead of changing data behind this one's back.
    this.db.exec("PRAGMA locking_mode = EXCLUSIVE");
    // Takes effect only in a new file: free pages can be given back to the disk, a few at a time.
    this.db.exec("PRAGMA auto_vacuum = INCREMENTAL");
    this.db.exec("PRAGMA journal_mode = WAL");
    // NORMAL: a commit itself waits for no disk. `LogSync` brings it there before it is acknowledged.
    this.db.exec("PRAGMA synchronous = NORMAL");
    this.db.exec("PRAGMA foreign_keys = ON");
    this.db.exec("PRAGMA cache_size = -65536");
    this.db.exec(`PRAGMA wal_autocheckpoint = ${logPages(path)}`);
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

function answerOf(write: PendingWrite, result: Result<unknown>): Answer {
  if (result.ok) return { give: () => write.resolve(result.value), fail: write.reject };
  return { give: () => write.reject(result.error), fail: write.reject };
}

/**
 * How many pages of 4 KiB the log has before it is moved into the file. The longer it is, the less often a page is moved that
 * changes often. On a small disk it must leave room for what `DiskRoom` keeps free.
 */
function logPages(path: string): number {
  if (path === ":memory:") return LOG_PAGES;
  const { bsize, blocks } = statfsSync(dirname(path));
  return bsize * blocks < SMALL_DISK_BYTES ? LOG_PAGES_ON_SMALL_DISK : LOG_PAGES;
}

/** SQLite creates the log with the mode of the database file, so that mode must be right before the first write. */
function makePrivate(path: string): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  closeSync(openSync(path, "a", 0o600));
  // Files that an older release or a killed server left.
  for (const one of [path, `${path}-wal`, `${path}-shm`, `${path}-journal`]) {
    const entry = statSync(one, { throwIfNoEntry: false });
    // Skips anything else, such as a link to a device, whose mode is not ours to change.
    if (entry?.isFile() && (entry.mode & 0o077) !== 0) chmodSync(one, 0o600);
  }
}

/** A newer version has changed the store, and this version does not know its schema. */
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

/** The answer to a request that was still open when the server stopped. */
function closed(): ComputeError {
  return new ComputeError("unavailable", "The server is stopping. Send this request again when it is back.");
}

function storageFailed(cause: Error & { code?: string }): ComputeError {
  return new ComputeError("storage_failed", `The store refused the change: ${cause.message}`, { cause });
}
