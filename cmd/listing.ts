import { z } from "zod";
import { optionNumber } from "../shared/config/options.ts";
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

const upper = z.string().transform((text) => text.toUpperCase());

/** `--status`, in any case, as often as wanted. */
export function statusOption<Status extends string>(what: string, statuses: readonly Status[]) {
  return {
    kind: "list",
    placeholder: "STATUS",
    schema: z
      .array(upper.pipe(z.enum(statuses, { error: `must be one of ${statuses.join(", ")}` })))
      .optional(),
    help: `Only ${what} that are ${statuses.join(", ")}`,
  } as const;
}

export const DEFAULT_LIST_LIMIT = 50;

/** `--limit`; undefined where it is not given. */
export function limitOption(what: string, defaultText = String(DEFAULT_LIST_LIMIT)) {
  return {
    kind: "value",
    placeholder: "N",
    schema: optionNumber({ min: 1, integer: true }).optional(),
    defaultText,
    help: `The most ${what} to list`,
  } as const;
}
