import { ComputeError } from "../../shared/errors.ts";
import { Turns } from "../runtime/turns.ts";

/** What tells ids of one kind from anything else. */
interface IdCheck {
  safeParse(text: string): { success: boolean };
}

/** A page that comes to more ends early; a single row may be larger. UTF-16 code units of its JSON. */
const MAX_PAGE_LENGTH = 8 * 1024 * 1024;
/** As nobody knows yet how large rows are. */
const FIRST_ROWS = 25;

/** Rows behind an id. `isCut`: fewer than were asked for although there are more. */
interface Cut<Row> {
  rows: Row[];
  isCut: boolean;
}

/**
 * One page of a list, with the cursor of the next one if there is more: at most `limit` rows, and fewer where they are
 * large. `read` is asked for the rows behind an id. Throws `invalid_request` where the cursor is not one of this list.
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
    const found = Array.isArray(answer) ? { rows: answer, isCut: false } : answer;
    for (const row of found.rows) {
      const rowLength = lengthOf(row);
      const isFull = rows.length === limit || (rows.length > 0 && length + rowLength > MAX_PAGE_LENGTH);
      if (isFull) return { rows, nextCursor: behind && encodeCursor(behind) };
      rows.push(row);
      length += rowLength;
      behind = idOf(row);
    }
    if (found.rows.length < wanted && !found.isCut) return { rows, nextCursor: undefined };
    await turns.next();
  }
}

/** One more than is shown, so that it is known whether there is more; few at once where they are large. */
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
  throw new ComputeError("invalid_request", "The cursor is not one of this list.", {
    errors: [{ path: "cursor", message: "must be the nextCursor of the page before" }],
  });
}

export function encodeCursor(id: string): string {
  return Buffer.from(id).toString("base64url");
}
