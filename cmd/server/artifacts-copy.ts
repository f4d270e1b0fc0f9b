import { Database } from "bun:sqlite";
import { constants, type Dirent } from "node:fs";
import { chmod, copyFile, link, mkdir, readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { packKey } from "../../server/artifact/artifact-store.ts";
import { DirectoryBlobs } from "../../server/blob/directory-blobs.ts";
import { SizesInOrder } from "../../server/blob/whole-pack.ts";
import { codeOf } from "../../shared/code-of.ts";
import { CliError } from "../exit/failure.ts";
import { copyFilePrivately } from "./store-copy.ts";

/** The directory with the content of files, in a data directory and in a backup. */
export const ARTIFACTS = "artifacts";
/** The names of what is not a file of anybody yet. */
const ON_THE_WAY = /^\./;

export interface CopiedFiles {
  packs: number;
  bytes: number;
}

/**
 * Copies the content of files, except what is there already. A file never changes, so on the same disk the copy shares its
 * blocks, or is the same file under a second name. A file that is removed meanwhile is left out.
 *
 * @param onProgress called after every pack.
 */
export async function copyArtifacts(
  from: string,
  to: string,
  onProgress: (done: CopiedFiles) => void = () => undefined,
): Promise<CopiedFiles> {
  const done = { packs: 0, bytes: 0 };
  for (const business of await foldersIn(from)) {
    for (const shard of await foldersIn(join(from, business))) {
      const [source, target] = [join(from, business, shard), join(to, business, shard)];
      const there = new Set(await filesIn(target));
      for (const pack of await filesIn(source)) {
        if (there.has(pack)) continue;
        await mkdir(target, { recursive: true, mode: 0o700 });
        const bytes = await copyPack(join(source, pack), join(target, pack));
        if (bytes === undefined) continue;
        done.packs++;
        done.bytes += bytes;
        onProgress(done);
      }
    }
  }
  return done;
}

/** The packs that a store needs, and that are not in a directory. */
export async function missingPacks(storeFile: string, dir: string): Promise<string[]> {
  const sizes = new SizesInOrder(new DirectoryBlobs(dir));
  const missing: string[] = [];
  for (const key of neededPacks(storeFile)) if ((await sizes.of(key)) === undefined) missing.push(key);
  return missing;
}

function* neededPacks(storeFile: string): Generator<string> {
  using db = new Database(storeFile, { readwrite: true, create: false });
  const hasTable = db.query("SELECT 1 FROM sqlite_master WHERE name = 'compute_packs'").get() !== null;
  if (!hasTable) return;
  const rows = db.query(
    "SELECT business_id, pack_id FROM compute_packs WHERE removed = 0 AND blobs > 0 ORDER BY business_id, pack_id",
  );
  type Row = { business_id: string; pack_id: string };
  for (const { business_id, pack_id } of rows.iterate() as Iterable<Row>) yield packKey(business_id, pack_id);
}

/** Resolves with the size, or undefined if the pack is gone. */
async function copyPack(from: string, to: string): Promise<number | undefined> {
  try {
    if (!(await shareBlocks(from, to)) && !(await addName(from, to))) await copyFilePrivately(from, to);
    return (await stat(to)).size;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Resolves with false if the file system cannot. */
async function shareBlocks(from: string, to: string): Promise<boolean> {
  try {
    await copyFile(from, to, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    await chmod(to, 0o600);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw error;
    await rm(to, { force: true });
    return false;
  }
}

/** Resolves with false if it is another file system, or one without hard links. */
async function addName(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") throw error;
    return false;
  }
}

async function foldersIn(dir: string): Promise<string[]> {
  return (await entriesIn(dir)).map((entry) => {
    if (entry.isDirectory()) return entry.name;
    throw foreign(join(dir, entry.name), "a directory");
  });
}

async function filesIn(dir: string): Promise<string[]> {
  return (await entriesIn(dir)).map((entry) => {
    if (entry.isFile()) return entry.name;
    throw foreign(join(dir, entry.name), "a plain file");
  });
}

/** Without what is on its way; none if there is no such directory. */
async function entriesIn(dir: string): Promise<Dirent[]> {
  try {
    return (await readdir(dir, { withFileTypes: true })).filter(({ name }) => !ON_THE_WAY.test(name));
  } catch (error) {
    if (codeOf(error) === "ENOENT") return [];
    throw error;
  }
}

/** A server puts nothing else there, so somebody else did. */
function foreign(path: string, wanted: string): CliError {
  return new CliError("bad_data", `${path} is not ${wanted}`, {
    todo: "Remove it: no server has put it there",
  });
}
