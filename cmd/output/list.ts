import type { Output } from "./output.ts";
import { formatTable } from "./table.ts";

/** The columns of a table: each heading, and what an item shows under it. */
export type Columns<Item> = Readonly<Record<string, (item: Item) => string>>;

/** Prints a list: one JSON array for programs, a table for people. Resolves with the exit code. */
export async function showList<Item>(
  output: Output,
  { json }: { json: boolean },
  items: readonly Item[],
  columns: Columns<Item>,
  /** Columns that a narrow terminal drops, in this order. */
  spare: readonly (string & keyof typeof columns)[] = [],
): Promise<number> {
  if (json) {
    await output.json(items);
    return 0;
  }
  const cells = items.map((item) => Object.values(columns).map((cellOf) => cellOf(item)));
  await output.painted(formatTable(Object.keys(columns), cells, output.resultLook, spare));
  return 0;
}
