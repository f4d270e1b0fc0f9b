import { Database } from "bun:sqlite";
import { join } from "node:path";

/** Where a blob is in the cache: a range of a pack file. */
export interface CachedBlob {
  pack: number;
  offset: number;
  bytes: number;
}

/** A blob of a pack that was just written. */
export interface WrittenBlob {
  sha256: string;
  offset: number;
  bytes: number;
}

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS packs (pack INTEGER PRIMARY KEY, bytes INTEGER NOT NULL, used_at INTEGER NOT NULL);
  CREATE TABLE IF NOT EXISTS blobs (
    sha256 BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset INTEGER NOT NULL, bytes INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS blobs_of_pack ON blobs (pack);
  CREATE TABLE IF NOT EXISTS set_packs (set_id TEXT, pack INTEGER, PRIMARY KEY (set_id, pack)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS sets_of_pack ON set_packs (pack);
  CREATE TABLE IF NOT EXISTS complete_sets (set_id TEXT PRIMARY KEY) WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS pins (execution_id TEXT, set_id TEXT, PRIMARY KEY (execution_id, set_id)) WITHOUT ROWID;
`;
const PINNED = "SELECT pack FROM set_packs JOIN pins USING (set_id)";
const INSERTED_TOGETHER = 10;
/** The supervisor reads while the agent writes. */
const BUSY_MS = 10_000;

/**
 * Knows which blob is in which pack of the cache, which packs hold the files of a set (a tree, or the part of it that a job
 * asks for), and which sets a job needs. It is a database because a cache may hold millions of blobs. The agent writes it,
 * and supervisors read it.
 */
export class BlobIndex {
  private readonly db: Database;
  /** Set while a transaction that only reads is open. */
  private reading: NodeJS.Immediate | undefined;

  /** Throws if the file is not such a database. */
  constructor(path: string) {
    this.db = new Database(path, { create: true, strict: true });
    try {
      this.db.run(`PRAGMA busy_timeout = ${BUSY_MS}`);
      this.db.run("PRAGMA journal_mode = WAL");
      this.db.run("PRAGMA synchronous = NORMAL");
      this.db.run(SCHEMA);
      this.db.query("SELECT count(*) FROM packs").get();
    } catch (error) {
      this.db.close();
      throw error;
    }
  }

  find(sha256: string): CachedBlob | undefined {
    this.read();
    const row = this.db.query("SELECT pack, offset, bytes FROM blobs WHERE sha256 = ?").get(key(sha256));
    return (row as CachedBlob | null) ?? undefined;
  }

  /** The same, also if it was written a moment ago. */
  findNow(sha256: string): CachedBlob | undefined {
    this.endReading();
    return this.find(sha256);
  }

  /** Records a pack for the set that asked for it, and returns its bytes. A blob that exists already keeps its place. */
  add(pack: number, blobs: readonly WrittenBlob[], setId: string): number {
    const bytes = blobs.reduce((sum, blob) => sum + blob.bytes, 0);
    this.together(() => {
      this.db.query("INSERT INTO packs VALUES (?, ?, ?)").run(pack, bytes, Date.now());
      // In their order in the index, and several together, it takes half the time.
      const sorted = blobs.toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
      for (let at = 0; at < sorted.length; at += INSERTED_TOGETHER) {
        const rows = sorted.slice(at, at + INSERTED_TOGETHER);
        const values = rows.flatMap((blob) => [key(blob.sha256), pack, blob.offset, blob.bytes]);
        const places = rows.map(() => "(?, ?, ?, ?)").join();
        this.db.query(`INSERT OR IGNORE INTO blobs VALUES ${places}`).run(...values);
      }
      this.belongTo(setId, [pack]);
    });
    return bytes;
  }

  /** The set has blobs in these packs. */
  belongTo(setId: string, packs: Iterable<number>): void {
    const insert = this.db.query("INSERT OR IGNORE INTO set_packs VALUES (?, ?)");
    this.together(() => {
      for (const pack of packs) insert.run(setId, pack);
    });
  }

  /** Every blob of the set is here, in packs that `belongTo` named. */
  complete(setId: string): void {
    this.together(() => this.db.query("INSERT OR IGNORE INTO complete_sets VALUES (?)").run(setId));
  }

  isComplete(setId: string): boolean {
    return this.db.query("SELECT 1 FROM complete_sets WHERE set_id = ?").get(setId) !== null;
  }

  /** The packs of the set stay until `unpin`. */
  pin(executionId: string, setId: string): void {
    this.together(() => {
      this.db.query("INSERT OR IGNORE INTO pins VALUES (?, ?)").run(executionId, setId);
      this.db
        .query("UPDATE packs SET used_at = ? WHERE pack IN (SELECT pack FROM set_packs WHERE set_id = ?)")
        .run(Date.now(), setId);
    });
  }

  unpin(executionId: string): void {
    this.together(() => this.db.query("DELETE FROM pins WHERE execution_id = ?").run(executionId));
  }

  pinned(): string[] {
    const rows = this.db.query("SELECT DISTINCT execution_id AS id FROM pins").all();
    return (rows as { id: string }[]).map(({ id }) => id);
  }

  packs(): { pack: number; bytes: number }[] {
    return this.db.query("SELECT pack, bytes FROM packs").all() as { pack: number; bytes: number }[];
  }

  /** The packs that no job needs, the one that was used the longest ago first. */
  spare(): { pack: number; bytes: number }[] {
    const sql = `SELECT pack, bytes FROM packs WHERE pack NOT IN (${PINNED}) ORDER BY used_at, pack`;
    return this.db.query(sql).all() as { pack: number; bytes: number }[];
  }

  removePacks(packs: readonly number[]): void {
    this.together(() => {
      for (const pack of packs) {
        this.incomplete(pack);
        this.db.query("DELETE FROM set_packs WHERE pack = ?").run(pack);
        this.db.query("DELETE FROM blobs WHERE pack = ?").run(pack);
        this.db.query("DELETE FROM packs WHERE pack = ?").run(pack);
      }
    });
  }

  /** The blob in the cache is damaged. */
  removeBlob(sha256: string): void {
    const found = this.find(sha256);
    if (!found) return;
    this.together(() => {
      this.incomplete(found.pack);
      this.db.query("DELETE FROM blobs WHERE sha256 = ?").run(key(sha256));
    });
  }

  close(): void {
    this.endReading();
    this.db.close();
  }

  /** What is read in one turn of the event loop shares a transaction: to lock the file takes longer than to find a blob. */
  private read(): void {
    if (this.db.inTransaction) return;
    this.db.run("BEGIN");
    this.reading = setImmediate(() => this.endReading());
  }

  private endReading(): void {
    if (!this.reading) return;
    clearImmediate(this.reading);
    this.reading = undefined;
    this.db.run("COMMIT");
  }

  private incomplete(pack: number): void {
    this.db
      .query("DELETE FROM complete_sets WHERE set_id IN (SELECT set_id FROM set_packs WHERE pack = ?)")
      .run(pack);
  }

  /** All or nothing; may be nested. */
  private together(change: () => void): void {
    this.endReading();
    if (this.db.inTransaction) change();
    else this.db.transaction(change)();
  }
}

export function indexPath(cache: string): string {
  return join(cache, "index.sqlite");
}

export function packPath(cache: string, pack: number): string {
  return join(cache, `${pack}.pack`);
}

function key(sha256: string): Buffer {
  return Buffer.from(sha256, "hex");
}
