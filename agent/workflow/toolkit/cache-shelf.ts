import { Database } from "bun:sqlite";
import { mkdirSync, rmSync, statSync } from "node:fs";
import { rename } from "node:fs/promises";
import { join } from "node:path";

/** As on GitHub: https://docs.github.com/actions/reference/workflows-and-actions/dependency-caching. */
const UNUSED_MS = 7 * 24 * 3_600_000;
const MAX_BYTES = 10 * 1024 ** 3;
/** A reservation of a run that was killed does not keep others from saving for longer. */
const RESERVED_MS = 3_600_000;
const BUSY_MS = 10_000;

export interface CacheEntry {
  id: number;
  key: string;
  /** A checksum of the paths and of how they are packed. */
  version: string;
  size: number;
}

interface Row extends CacheEntry {
  usedAtMs: number;
}

/** The caches of one repository on this node. Several runs may use them at once. */
export class CacheShelf {
  private readonly database: Database;

  constructor(
    private readonly directory: string,
    private readonly maxBytes = MAX_BYTES,
  ) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.database = new Database(join(directory, "caches.db"), { create: true, strict: true });
    this.database.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
    this.database.run("PRAGMA journal_mode = WAL");
    // size is null until the entry is finished.
    this.database.run(
      `CREATE TABLE IF NOT EXISTS caches (
         id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, version TEXT NOT NULL, size INTEGER,
         madeAtMs INTEGER NOT NULL, usedAtMs INTEGER NOT NULL, UNIQUE (key, version))`,
    );
    this.makeRoom();
  }

  /**
   * The entry for the first key that has one: under exactly that key, else the newest whose key begins with it. It counts
   * as used.
   */
  find(keys: readonly string[], version: string): CacheEntry | undefined {
    for (const key of keys) {
      const entry = this.database
        .query<CacheEntry, { key: string; version: string }>(
          `SELECT id, key, version, size FROM caches
           WHERE version = $version AND size IS NOT NULL AND substr(key, 1, length($key)) = $key
           ORDER BY key = $key DESC, madeAtMs DESC, id DESC LIMIT 1`,
        )
        .get({ key, version });
      if (!entry) continue;
      this.database.run("UPDATE caches SET usedAtMs = ? WHERE id = ?", [Date.now(), entry.id]);
      return entry;
    }
    return undefined;
  }

  /** The id of a new entry; undefined if there is one of that key and version, which never changes. */
  reserve(key: string, version: string): number | undefined {
    const nowMs = Date.now();
    const add = this.database.transaction(() => {
      this.database.run(
        "DELETE FROM caches WHERE key = ? AND version = ? AND size IS NULL AND madeAtMs < ?",
        [key, version, nowMs - RESERVED_MS],
      );
      return this.database.run(
        "INSERT OR IGNORE INTO caches (key, version, size, madeAtMs, usedAtMs) VALUES (?, ?, NULL, ?, ?)",
        [key, version, nowMs, nowMs],
      );
    });
    const { changes, lastInsertRowid } = add.immediate();
    return changes === 0 ? undefined : Number(lastInsertRowid);
  }

  reserved(key: string, version: string): number | undefined {
    return this.database
      .query<{ id: number }, [string, string]>(
        "SELECT id FROM caches WHERE key = ? AND version = ? AND size IS NULL",
      )
      .get(key, version)?.id;
  }

  /** Takes the file over. */
  async finish(id: number, path: string): Promise<void> {
    const { size } = statSync(path);
    await rename(path, this.pathOf(id));
    this.database.run("UPDATE caches SET size = ? WHERE id = ?", [size, id]);
    this.makeRoom();
  }

  release(id: number): void {
    this.database.run("DELETE FROM caches WHERE id = ? AND size IS NULL", [id]);
  }

  pathOf(id: number): string {
    return join(this.directory, String(id));
  }

  /** For a file that becomes an entry. */
  newPath(): string {
    return join(this.directory, `.${crypto.randomUUID()}`);
  }

  close(): void {
    this.database.close();
  }

  /** Removes what nobody used for a week, and then what was used longest ago until the rest fits. */
  private makeRoom(): void {
    const rows = this.database
      .query<Row, []>(
        "SELECT id, key, version, size, usedAtMs FROM caches WHERE size IS NOT NULL ORDER BY usedAtMs DESC, id DESC",
      )
      .all();
    let bytes = 0;
    for (const { id, size, usedAtMs } of rows) {
      bytes += size;
      if (bytes <= this.maxBytes && Date.now() - usedAtMs <= UNUSED_MS) continue;
      this.database.run("DELETE FROM caches WHERE id = ?", [id]);
      rmSync(this.pathOf(id), { force: true });
    }
  }
}
