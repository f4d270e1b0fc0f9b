import { expect, test } from "bun:test";
import { readPage } from "./page.ts";

const id = { safeParse: (text: string) => ({ success: /^r\d+$/.test(text) }) };

/** Reads a list of these rows to its end. Returns the sizes of its pages, and the most text read at once. */
async function pagesOf(rows: { id: string; text: string }[], limit: number) {
  let most = 0;
  const read = async (behind: string | undefined, count: number) => {
    const from = behind === undefined ? 0 : rows.findIndex((row) => row.id === behind) + 1;
    const found = rows.slice(from, from + count);
    most = Math.max(
      most,
      found.reduce((sum, row) => sum + row.text.length, 0),
    );
    return found;
  };
  const pages: string[][] = [];
  for (let cursor: string | undefined, first = true; first || cursor !== undefined; first = false) {
    const page = await readPage({ limit, cursor }, id, read, (row) => row.id);
    pages.push(page.rows.map((row) => row.id));
    cursor = page.nextCursor;
  }
  expect(pages.flat()).toEqual(rows.map((row) => row.id));
  return { sizes: pages.map((page) => page.length), most };
}

const rowsOf = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => ({ id: `r${i}`, text: "x".repeat(length) }));

test("small rows fill a page up to its limit", async () => {
  expect((await pagesOf(rowsOf(0, 10), 100)).sizes).toEqual([0]);
  expect((await pagesOf(rowsOf(100, 10), 100)).sizes).toEqual([100]);
  expect((await pagesOf(rowsOf(101, 10), 100)).sizes).toEqual([100, 1]);
  expect((await pagesOf(rowsOf(600, 10), 500)).sizes).toEqual([500, 100]);
  expect((await pagesOf(rowsOf(3, 10), 1)).sizes).toEqual([1, 1, 1]);
});

test("a page of large rows ends early, with a cursor, and little more than the page is read", async () => {
  const { sizes, most } = await pagesOf(rowsOf(100, 1024 * 1024), 500);
  expect(Math.max(...sizes)).toBe(7);
  expect(most).toBeLessThanOrEqual(25 * 1024 * 1024);
});

test("a single row always fits, however large it is", async () => {
  expect((await pagesOf(rowsOf(3, 9 * 1024 * 1024), 500)).sizes).toEqual([1, 1, 1]);
});

test("a list that had no time to look at more rows ends its page there, even without rows, and the next begins behind that", async () => {
  const looked: (string | undefined)[] = [];
  const read = async (behind: string | undefined) => {
    looked.push(behind);
    if (behind === undefined) return { rows: [], isCut: false, pausedAt: "id_5" };
    return { rows: [{ id: "id_2" }], isCut: false };
  };
  const anyId = { safeParse: () => ({ success: true }) };
  const page = (cursor?: string) => readPage({ limit: 10, cursor }, anyId, read, ({ id }) => id);
  const first = await page();
  expect(first.rows).toEqual([]);
  const second = await page(first.nextCursor);
  expect(second).toEqual({ rows: [{ id: "id_2" }], nextCursor: undefined });
  expect(looked).toEqual([undefined, "id_5"]);
});
