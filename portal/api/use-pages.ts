import { useRef } from "preact/hooks";
import { type Data, type DataOptions, useData } from "./use-data.ts";

export interface Page<Row> {
  rows: readonly Row[];
  nextCursor?: string | undefined;
}

export interface Pages<Row> extends Omit<Data<unknown>, "value"> {
  /** Those of all pages so far; undefined before the first answer. */
  rows: readonly Row[] | undefined;
  /** Shows one page more; undefined if there is none. */
  more: (() => Promise<void>) | undefined;
  /** There are more, but no more of them are shown. */
  isCut: boolean;
}

/** At most so many pages are shown and kept up to date. To see more than that, the person narrows the list. */
const MAX_PAGES = 20;

/** A list that comes in pages: one at first, and one more with each `more()`. All that are shown are kept up to date. */
export function usePages<Row>(
  key: string,
  fetchPage: (cursor: string | undefined, signal?: AbortSignal) => Promise<Page<Row>>,
  options: DataOptions & { keyOf: (row: Row) => string },
): Pages<Row> {
  const { keyOf, ...rest } = options;
  const wanted = useRef<{ key: string; pages: number; shown?: () => void }>({ key, pages: 1 });
  if (wanted.current.key !== key) wanted.current = { key, pages: 1 };
  const { value, ...data } = useData<Page<Row>>(
    key,
    async (signal) => {
      const { pages, shown } = wanted.current;
      try {
        return await fetchPages(fetchPage, pages, signal);
      } finally {
        shown?.();
      }
    },
    rest,
  );
  const more = () =>
    new Promise<void>((shown) => {
      wanted.current = { key, pages: wanted.current.pages + 1, shown };
      data.refresh();
    });
  const rows = value && withoutRepeats(value.rows, keyOf);
  const hasMore = value?.nextCursor !== undefined;
  const isCut = hasMore && wanted.current.pages >= MAX_PAGES;
  return { ...data, rows, more: hasMore && !isCut ? more : undefined, isCut };
}

async function fetchPages<Row>(
  fetchPage: (cursor: string | undefined, signal?: AbortSignal) => Promise<Page<Row>>,
  pages: number,
  signal: AbortSignal,
): Promise<Page<Row>> {
  let all: Page<Row> = await fetchPage(undefined, signal);
  for (let i = 1; i < pages && all.nextCursor !== undefined; i++) {
    const { rows, nextCursor } = await fetchPage(all.nextCursor, signal);
    all = { rows: [...all.rows, ...rows], nextCursor };
  }
  return all;
}

/** A row that appears between two requests pushes another onto the next page, which would then be there twice. */
function withoutRepeats<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Row[] {
  return [...new Map(rows.map((row) => [keyOf(row), row])).values()];
}
