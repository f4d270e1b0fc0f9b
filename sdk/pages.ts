import { limits } from "../shared/limits.ts";

/** What a list request may say of how much it wants. */
export interface PageRequest {
  limit: number;
  cursor: string | undefined;
}

/** Walks a list page by page, asking for the next one only when its rows are wanted. */
export async function* walkPages<Row>(
  fetchPage: (request: PageRequest) => Promise<{ rows: Row[]; nextCursor?: string }>,
  total = Number.POSITIVE_INFINITY,
): AsyncGenerator<Row, void, void> {
  let left = total;
  let cursor: string | undefined;
  while (left > 0) {
    const page = await fetchPage({ limit: Math.min(left, limits.maxPageSize), cursor });
    // A server may send more than was asked for; the caller's limit stands.
    yield* page.rows.slice(0, left);
    left -= page.rows.length;
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}
