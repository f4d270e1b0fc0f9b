import { Binary, type Document, Long } from "mongodb";

/** What SQLite gives for a column. */
export type Row = Readonly<Record<string, string | number | Uint8Array | null>>;

export interface PlainColumns {
  /** Texts that hold JSON, and are documents in MongoDB. */
  json?: readonly string[];
  /** 0 or 1, and booleans in MongoDB. */
  flags?: readonly string[];
  /** Written as 64-bit integers. */
  longs?: readonly string[];
  /** Not taken over: something else is made of them. */
  without?: readonly string[];
}

/** The row as a document with the same names; what is NULL is left out, as `undefined` is everywhere else. */
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
