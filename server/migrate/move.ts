import { Digest } from "./digest.ts";
import type { MoveSource } from "./source.ts";
import { type MovedTable, movedTables } from "./tables.ts";
import type { MoveTarget } from "./target.ts";

export interface TableReport {
  table: string;
  rows: number;
  /** How many documents the rows became: usually as many, but a large log is stored in parts. */
  documents?: number;
  checksum?: string;
  /** Whether the target has the same data. Only for a move that reached its end. */
  same?: boolean;
}

export interface MoveReport {
  /** When an earlier run finished the same move, in epoch milliseconds; if set, this run did nothing. */
  finishedBeforeAtMs?: number;
  tables: TableReport[];
}

export interface MoveOptions {
  /** Looks at both sides, and writes nothing. */
  dryRun: boolean;
  /** Removes what an earlier, unfinished run has stored, and starts over. */
  restart: boolean;
  /** Called after every chunk. */
  onProgress: (table: string, rowsDone: number, rows: number) => void;
}

/** The source was written by another version of this program. */
export class UnknownPartsError extends Error {
  override name = "UnknownPartsError";

  constructor(parts: readonly string[]) {
    super(`the source has parts that this version does not know: ${parts.join(", ")}`);
  }
}

/**
 * Moves an installation from the embedded store to MongoDB. It may be interrupted at any moment; called again, it
 * continues where it stopped. No server starts on the target until everything is there and has been compared.
 */
export async function moveStore(
  source: MoveSource,
  target: MoveTarget,
  { dryRun, restart, onProgress }: MoveOptions,
): Promise<MoveReport> {
  const unknown = source.unknownParts();
  if (unknown.length > 0) throw new UnknownPartsError(unknown);
  const counted = movedTables.map((moved) => ({ table: moved.table, rows: source.count(moved) }));
  const earlier = await target.findMove(source.id);
  if (earlier?.finished_at !== undefined) return { finishedBeforeAtMs: earlier.finished_at, tables: counted };
  if (dryRun) return { tables: counted };
  if (earlier && restart) await target.clear(movedTables.map((moved) => moved.table));
  const record = (!restart && earlier) || (await target.begin(source.id));
  for (const [i, moved] of movedTables.entries()) {
    const rows = counted[i]?.rows ?? 0;
    let done = 0;
    for (const { rows: chunk, last } of source.chunks(moved, record.stored[moved.table])) {
      await target.put(moved.table, chunk.flatMap(moved.documents), last);
      done += chunk.length;
      onProgress(moved.table, done, rows);
    }
  }
  const tables: TableReport[] = [];
  for (const moved of movedTables) tables.push(await compare(source, target, moved));
  if (tables.every((table) => table.same)) await target.finish();
  return { tables };
}

async function compare(source: MoveSource, target: MoveTarget, moved: MovedTable): Promise<TableReport> {
  const wanted = new Digest();
  let rows = 0;
  for (const chunk of source.chunks(moved)) {
    rows += chunk.rows.length;
    for (const document of chunk.rows.flatMap(moved.documents)) wanted.add(document);
  }
  const found = await target.digest(moved.table);
  const { documents, checksum } = wanted;
  const same = found.documents === documents && found.checksum === checksum;
  return { table: moved.table, rows, documents, checksum, same };
}
