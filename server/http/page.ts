import { ComputeError } from "../../shared/errors.ts";
import { Turns } from "../../shared/turns.ts";

/** Tells ids of one kind from other texts. */
interface IdCheck {
  safeParse(text: string): { success: boolean };
}

/** A page ends early before its JSON exceeds this many UTF-16 code units; a single row may be larger. */
const MAX_PAGE_LENGTH = 8 * 1024 * 1024;
/** Rows in the first read, when the size of rows is not known yet. */
const FIRST_ROWS = 25;

/** Rows after an id. `isCut`: there are more rows, although fewer came than were asked for. */
interface Cut<Row> {
  rows: Row[];
  isCut: boolean;
  /** The page ends with these rows. The next one begins behind this id, which may be that of a row that is not listed. */
  pausedAt?: string | undefined;
}

/**
 * One page of a list, with the cursor of the next page if there is more: at most `limit` rows, and fewer if they are
 * large. `read` returns the rows after an id. Throws `invalid_request` if the cursor does not belong to this list.
 */
export async function readPage<Row>(
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  id: IdCheck,
  read: (behindId: string | undefined, limit: number) => Promise<Row[] | Cut<Row>>,
  idOf: (row: Row) => string,
): Promise<{ rows: Row[]; nextCursor: string | undefined }> {
  const rows: Row[] = [];
  const turns = new Turns();
  let length = 0;
  let behind = decodeCursor(cursor, id);
  for (;;) {
    const wanted = rowsToRead(rows.length, limit, length);
    const answer = await read(behind, wanted);
    const found: Cut<Row> = Array.isArray(answer) ? { rows: answer, isCut: false } : answer;
    for (const row of found.rows) {
      const rowLength = lengthOf(row);
      const isFull = rows.length === limit || (rows.length > 0 && length + rowLength > MAX_PAGE_LENGTH);
      if (isFull) return { rows, nextCursor: behind && encodeCursor(behind) };
      rows.push(row);
      length += rowLength;
      behind = idOf(row);
    }
    if (found.pausedAt !== undefined) return { rows, nextCursor: encodeCursor(found.pausedAt) };
    if (found.rows.length < wanted && !found.isCut) return { rows, nextCursor: undefined };
    await turns.next();
  }
}

/** One row more than the page shows, to know whether there is more; fewer at a time if rows are large. */
function rowsToRead(rows: number, limit: number, length: number): number {
  const left = limit + 1 - rows;
  if (rows === 0) return Math.min(left, FIRST_ROWS);
  const room = Math.floor(((MAX_PAGE_LENGTH - length) / Math.max(1, length)) * rows);
  return Math.min(left, Math.max(1, room));
}

function lengthOf(row: unknown): number {
  return JSON.stringify(row, (_, value) => (typeof value === "bigint" ? String(value) : value)).length;
}

/**
 * Cursors are opaque to clients: the id of the last row of a page, in base64url.
 * Throws `invalid_request` for anything this server did not make.
 */
export function decodeCursor(cursor: string | undefined, id: IdCheck): string | undefined {
  if (cursor === undefined) return undefined;
  const text = Buffer.from(cursor, "base64url").toString();
  if (id.safeParse(text).success) return text;
  throw new ComputeError("invalid_request", "The cursor does not belong to this list.", {
    errors: [{ path: "cursor", message: "must be the nextCursor of the previous page" }],
  });
}

export function encodeCursor(id: string): string {
  return Buffer.from(id).toString("base64url");
}
