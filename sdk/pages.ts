import type { CallId, EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import { limits } from "../shared/limits.ts";
import type { ComputeClient } from "./client.ts";
import { callPatiently, Outage, type Patience } from "./patience.ts";

export interface ListOptions extends Patience {
  /** The most rows, over all pages. Default: all of them. */
  limit?: number;
}

/** The filter of a list: the fields of its endpoint, and the most rows over all pages. */
export type ListFilter<Id extends CallId> = Omit<EndpointInput<Id>, "limit" | "cursor"> &
  Pick<ListOptions, "limit">;

/** Calls a list endpoint for the next page. */
type PageCall = <Id extends CallId>(
  id: Id,
  where: Omit<EndpointInput<Id>, "limit" | "cursor">,
) => Promise<EndpointOutput<Id>>;

/**
 * Walks a list page by page and fetches the next page only when its rows are wanted. All pages share one patience: once
 * the server has answered the first page, later pages wait as long as `awayMs` for it.
 */
export async function* walkPages<Row>(
  client: ComputeClient,
  options: ListOptions,
  fetchPage: (call: PageCall) => Promise<{ rows: Row[]; nextCursor?: string }>,
): AsyncGenerator<Row, void, void> {
  const outage = new Outage(options);
  let left = options.limit ?? Number.POSITIVE_INFINITY;
  let cursor: string | undefined;
  const call: PageCall = (id, where) => {
    const page = { ...where, limit: Math.min(left, limits.maxPageSize), cursor };
    return callPatiently(client, id, page as EndpointInput<typeof id>, options, outage);
  };
  while (left > 0) {
    const page = await fetchPage(call);
    // A server may send more rows than it was asked for; the caller's limit counts.
    yield* page.rows.slice(0, left);
    left -= page.rows.length;
    cursor = page.nextCursor;
    if (cursor === undefined) return;
  }
}
