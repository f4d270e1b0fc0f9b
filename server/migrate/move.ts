import type { BlobStore } from "../blob/blob-store.ts";
import { Digest } from "./digest.ts";
import {
  compareFiles,
  copyFiles,
  countFiles,
  DamagedFilesError,
  type FilesMove,
  type FilesReport,
  removeFiles,
} from "./move-files.ts";
import type { MoveSource, RowKey } from "./source.ts";
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
  /** The content of files. */
  files?: FilesReport;
  /** When an earlier run finished the same move, in epoch milliseconds; if set, this run did nothing. */
  finishedBeforeAtMs?: number;
  /** The file with the key that encrypts the secrets of jobs; absent if there are none. Servers on the target need it. */
  keyFile?: string;
  tables: TableReport[];
}

export interface MoveOptions {
  /** Looks at both sides, and writes nothing. */
  dryRun: boolean;
  /** Removes what an earlier, unfinished run has stored, and starts over. */
  restart: boolean;
  /** Where the content of files is, and where it goes. */
  files: { from: BlobStore; to: BlobStore };
  /** Moves everything else if some of the content of files is missing or damaged in the source. */
  leaveDamaged: boolean;
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
  options: MoveOptions,
): Promise<MoveReport> {
  const { dryRun, restart } = options;
  const unknown = source.unknownParts();
  if (unknown.length > 0) throw new UnknownPartsError(unknown);
  const counted = movedTables.map((moved) => ({ table: moved.table, rows: source.count(moved) }));
  const earlier = await target.findMove(source.id);
  const hasSecrets = counted.some(({ table, rows }) => table === "compute_data_keys" && rows > 0);
  const about = hasSecrets ? { keyFile: source.keyFile } : {};
  if (earlier?.finished_at !== undefined) {
    return { finishedBeforeAtMs: earlier.finished_at, ...about, tables: counted };
  }
  const filesMove = filesMoveOf(source, options);
  if (dryRun) return { files: await countFiles(filesMove), ...about, tables: counted };
  if (earlier && restart) {
    await removeFiles(filesMove);
    await target.clear(movedTables.map((moved) => moved.table));
  }
  const record = (!restart && earlier) || (await target.begin(source.id));
  await options.files.to.prepare();
  const copied = await copyFiles(filesMove);
  refuseDamaged(copied, options);
  for (const moved of movedTables) {
    await moveTable(source, target, moved, { after: record.stored[moved.table], ...options });
  }
  const tables: TableReport[] = [];
  for (const moved of movedTables) tables.push(await compare(source, target, moved));
  const files = await compareFiles(filesMove);
  refuseDamaged(files, options);
  if (files.same && tables.every((table) => table.same)) await target.finish();
  return { files, ...about, tables };
}

function filesMoveOf(source: MoveSource, { files, onProgress }: MoveOptions): FilesMove {
  const packs = source.countPacks();
  return { ...files, keys: () => source.packs(), onProgress: (done) => onProgress("files", done, packs) };
}

function refuseDamaged({ damaged }: FilesReport, { leaveDamaged, files }: MoveOptions): void {
  if (damaged.length > 0 && !leaveDamaged) throw new DamagedFilesError(damaged, files.from.place);
}

async function moveTable(
  source: MoveSource,
  target: MoveTarget,
  moved: MovedTable,
  { after, onProgress }: Pick<MoveOptions, "onProgress"> & { after: RowKey | undefined },
): Promise<void> {
  const rows = source.count(moved);
  let done = 0;
  for (const { rows: chunk, last } of source.chunks(moved, after)) {
    await target.put(moved.table, chunk.flatMap(moved.documents), last);
    done += chunk.length;
    onProgress(moved.table, done, rows);
  }
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
