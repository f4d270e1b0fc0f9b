import { existsSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { packKey } from "../artifact/artifact-store.ts";
import type { Seal } from "../auth/seal.ts";
import { sealToRead } from "../auth/seal-keys.ts";
import { sqliteMigrations } from "../compose/open-sqlite.ts";
import { SqliteStore } from "../store/sqlite.ts";
import type { Row } from "./rows.ts";
import { type MovedTable, movedTables, notMoved } from "./tables.ts";

type SecretRow = Row & { name: string; secret: Uint8Array };
/** Bytes are in hexadecimal. */
export type RowKey = readonly (string | number)[];

type PackRow = { business_id: string; pack_id: string };
/** Packs with content: others are on their way, or are about to be removed. */
const FILLED = "removed = 0 AND blobs > 0";

const ROWS_PER_CHUNK = 1_000;

/** There is no embedded store at this place. */
export class NoSourceError extends Error {
  override name = "NoSourceError";
}

/** The embedded store to move. No other program can open it meanwhile, so all reads see the same state. */
export class MoveSource implements Disposable {
  private constructor(
    private readonly store: SqliteStore,
    private readonly seal: Seal,
    readonly dataDir: string,
  ) {}

  /**
   * @param place a data directory, or the database file in it. Brings an older schema up to date, as a server would.
   * @param secretKeyFile the key file that seals its secrets, if it is not the one in the data directory.
   * Throws StoreInUseError if a server has it open, and NoSourceError if there is no store.
   */
  static open(place: string, secretKeyFile?: string): MoveSource {
    const isDirectory = existsSync(place) && statSync(place).isDirectory();
    const file = isDirectory ? join(place, "compute.db") : place;
    if (!existsSync(file)) throw new NoSourceError(`${file} does not exist`);
    const seal = sealToRead({ store: "sqlite", dataDir: dirname(file), secretKeyFile });
    return new MoveSource(new SqliteStore(file, sqliteMigrations), seal, dirname(file));
  }

  /** Identifies the installation: made from its secrets, which are random. */
  get id(): string {
    const secrets = this.store.all<SecretRow>("SELECT * FROM compute_secrets ORDER BY name");
    const hash = new Bun.CryptoHasher("sha256").update("tanvrit-compute move");
    for (const row of secrets) hash.update(this.opened(row).secret);
    return hash.digest("hex").slice(0, 32);
  }

  /** The file with the keys that encrypt the secrets of jobs. They stay encrypted, so the other store's servers need it. */
  get keyFile(): string | undefined {
    return this.seal.keyFile;
  }

  /** Tables and columns that a move would leave behind, as `table` or `table.column`. */
  unknownParts(): string[] {
    const tables = this.store.all<{ name: string }>(
      "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name",
    );
    return tables.flatMap(({ name }) => {
      if (notMoved.includes(name)) return [];
      const moved = movedTables.find((one) => one.table === name);
      if (!moved) return [name];
      const columns = this.store.all<{ name: string }>("SELECT name FROM pragma_table_info($name)", { name });
      return columns
        .filter((column) => !moved.columns.includes(column.name))
        .map((column) => `${name}.${column.name}`);
    });
  }

  count({ table }: MovedTable): number {
    return this.store.get<{ rows: number }>(`SELECT count(*) AS rows FROM ${table}`)?.rows ?? 0;
  }

  /** The rows after the key `after`, ordered by key, in chunks; each chunk comes with the key of its last row. */
  *chunks(moved: MovedTable, after?: RowKey): Generator<{ rows: Row[]; last: RowKey }> {
    const { table, from = table, key, binaryKey = [], rowsPerChunk = ROWS_PER_CHUNK } = moved;
    const names = key.join(", ");
    const columns = key.includes("rowid") ? "rowid, *" : "*";
    const values = key.map((name, i) => (binaryKey.includes(name) ? `unhex($key${i})` : `$key${i}`));
    const behind = `WHERE (${names}) > (${values.join(", ")})`;
    let place = after;
    for (;;) {
      const bindings = Object.fromEntries((place ?? []).map((value, i) => [`key${i}`, value]));
      const rows = this.store.all<Row>(
        `SELECT ${columns} FROM ${from} ${place ? behind : ""} ORDER BY ${names} LIMIT ${rowsPerChunk}`,
        bindings,
      );
      const last = rows.at(-1);
      if (!last) return;
      place = key.map((name) => keyValue(last[name]));
      const isSecrets = table === "compute_secrets";
      yield { rows: isSecrets ? rows.map((row) => this.opened(row as SecretRow)) : rows, last: place };
    }
  }

  countPacks(): number {
    const sql = `SELECT count(*) AS packs FROM compute_packs WHERE ${FILLED}`;
    return this.store.get<{ packs: number }>(sql)?.packs ?? 0;
  }

  /** The keys of the packs that have content, in their order. */
  *packs(): Generator<string> {
    let after: PackRow | undefined;
    for (;;) {
      const rows = this.store.all<PackRow>(
        `SELECT business_id, pack_id FROM compute_packs
         WHERE ${FILLED} AND (business_id, pack_id) > ($business_id, $pack_id)
         ORDER BY business_id, pack_id LIMIT ${ROWS_PER_CHUNK}`,
        { business_id: "", pack_id: "", ...after },
      );
      for (const { business_id, pack_id } of rows) yield packKey(business_id, pack_id);
      after = rows.at(-1);
      if (!after) return;
    }
  }

  /** The row with its secret unsealed, because servers on the other store do not have this store's key. Throws SealError. */
  private opened(row: SecretRow): SecretRow {
    return { ...row, secret: this.seal.open(row.name, row.secret) ?? row.secret };
  }

  [Symbol.dispose](): void {
    this.store.close();
  }
}

function keyValue(value: Row[string] | undefined): string | number {
  return value instanceof Uint8Array ? Buffer.from(value).toString("hex") : (value as string | number);
}
