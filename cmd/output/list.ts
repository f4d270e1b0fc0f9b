import type { Output } from "./output.ts";
import { formatTable } from "./table.ts";

/** What stands in a table: each heading, and of an item what comes under it. */
export type Columns<Item> = Readonly<Record<string, (item: Item) => string>>;

/** A list for a program, as one JSON array, or for a person, as a table. Resolves with the exit code. */
export async function showList<Item>(
  output: Output,
  { json }: { json: boolean },
  items: readonly Item[],
  columns: Columns<Item>,
  /** Columns that a narrow terminal does without, the first one first. */
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
