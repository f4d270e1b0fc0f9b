import { useEffect, useState } from "preact/hooks";
import { type Data, type DataOptions, useData } from "./use-data.ts";

export interface Page<Row> {
  rows: readonly Row[];
  nextCursor?: string | undefined;
}

export interface Pages<Row> extends Omit<Data<unknown>, "value"> {
  /** Those of all pages so far; undefined before the first answer. */
  rows: readonly Row[] | undefined;
  /** Fetches the next page; undefined if there is none. */
  more: (() => Promise<void>) | undefined;
}

/**
 * A list that comes in pages. The first page is kept up to date; what a person loads after it stays as it was, until `key`
 * changes.
 */
export function usePages<Row>(
  key: string,
  fetchPage: (cursor: string | undefined, signal?: AbortSignal) => Promise<Page<Row>>,
  options: DataOptions & { keyOf: (row: Row) => string },
): Pages<Row> {
  const { keyOf, ...rest } = options;
  const { value: first, ...data } = useData(key, (signal) => fetchPage(undefined, signal), rest);
  const [later, setLater] = useState<{ rows: readonly Row[]; nextCursor?: string | undefined }>();
  useEffect(() => setLater(undefined), [key]);
  const nextCursor = later ? later.nextCursor : first?.nextCursor;
  const more = async () => {
    const page = await fetchPage(nextCursor);
    setLater({ rows: [...(later?.rows ?? []), ...page.rows], nextCursor: page.nextCursor });
  };
  return {
    ...data,
    rows: first && withoutRepeats([...first.rows, ...(later?.rows ?? [])], keyOf),
    more: nextCursor === undefined ? undefined : more,
  };
}

/** What is new at the top pushes rows of the first page onto the second, which has them already. */
function withoutRepeats<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  return [...new Map(rows.map((row) => [keyOf(row), row])).values()];
}
