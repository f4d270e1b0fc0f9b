import { Binary, type Document, Long } from "mongodb";

/** A row as SQLite returns it. */
export type Row = Readonly<Record<string, string | number | Uint8Array | null>>;

export interface PlainColumns {
  /** JSON texts that become documents in MongoDB. */
  json?: readonly string[];
  /** 0 or 1, which become booleans in MongoDB. */
  flags?: readonly string[];
  /** Numbers that become 64-bit integers. */
  longs?: readonly string[];
  /** Columns that are not copied, because the caller turns them into something else. */
  without?: readonly string[];
}

/** The row as a document with the same names. NULL columns are left out, as `undefined` is elsewhere. */
export function plain(row: Row, { json = [], flags = [], longs = [], without = [] }: PlainColumns = {}) {
  const document: Document = {};
  for (const [column, value] of Object.entries(row)) {
    if (value === null || column === "rowid" || without.includes(column)) continue;
    if (json.includes(column)) document[column] = JSON.parse(String(value));
    else if (flags.includes(column)) document[column] = value === 1;
    else if (longs.includes(column)) document[column] = Long.fromNumber(Number(value));
    else document[column] = value instanceof Uint8Array ? new Binary(value) : value;
  }
  return document;
}
