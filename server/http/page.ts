import { ComputeError } from "../../shared/errors.ts";

/** What tells ids of one kind from anything else. */
interface IdCheck {
  safeParse(text: string): { success: boolean };
}

/**
 * One page of a list, with the cursor of the next one if there is more: `read` is asked for the rows behind an id, one
 * more than are wanted. Throws `invalid_request` where the cursor is not one of this list.
 */
export async function readPage<Row>(
  { limit, cursor }: { limit: number; cursor?: string | undefined },
  id: IdCheck,
  read: (behindId: string | undefined, limit: number) => Promise<Row[]>,
  idOf: (row: Row) => string,
): Promise<{ rows: Row[]; nextCursor: string | undefined }> {
  const found = await read(decodeCursor(cursor, id), limit + 1);
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  const hasMore = found.length > limit && last !== undefined;
  return { rows, nextCursor: hasMore ? encodeCursor(idOf(last)) : undefined };
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
