import { ComputeError } from "../../shared/errors.ts";

/**
 * Cursors are opaque to clients: the id of the last row of a page, in base64url.
 * Throws `invalid_request` for anything this server did not make.
 */
export function decodeCursor(
  cursor: string | undefined,
  id: { safeParse(text: string): { success: boolean } },
): string | undefined {
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

/** Cuts rows that were read with `limit + 1` to a page, with the cursor of the next one if there is more. */
export function pageOf<Row>(
  rows: Row[],
  limit: number,
  idOf: (row: Row) => string,
): { rows: Row[]; nextCursor: string | undefined } {
  const page = rows.slice(0, limit);
  const last = page.at(-1);
  const hasMore = rows.length > limit && last !== undefined;
  return { rows: page, nextCursor: hasMore ? encodeCursor(idOf(last)) : undefined };
}
