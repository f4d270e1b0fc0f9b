import { Database } from "bun:sqlite";
import { constants } from "node:fs";
import { chmod, copyFile, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { holdAnswer, releaseAnswer } from "../../shared/sockets/maintenance.ts";
import { CliError } from "../exit/failure.ts";
import { askServerOf, explainStore } from "./store-owner.ts";

export const STORE_FILE = "compute.db";
export const SECRET_KEY = "secret.key";

/** The server leaves its file alone for half a minute at a time. */
const HOLD_AGAIN_MS = 5_000;

/**
 * Copies the store of a data directory as it is at one moment, whether a server runs on it or not. Resolves with the
 * bytes of the copy. Throws `try_again` where the server went away meanwhile: the copy is then worth nothing.
 */
export async function copyStore(dataDir: string, target: string): Promise<number> {
  const hold = () => askServerOf(dataDir, { maintain: "hold" }, holdAnswer);
  const held = await hold();
  if (!held) return copyStopped(dataDir, target);
  let renewed: Promise<unknown> = Promise.resolve();
  const renewal = setInterval(() => {
    // What a renewal that fails means is said by the release.
    renewed = hold().catch(() => undefined);
  }, HOLD_AGAIN_MS);
  try {
    await copyFilePrivately(held.file, target);
  } finally {
    clearInterval(renewal);
    await renewed;
  }
  const released = await askServerOf(dataDir, { maintain: "release" }, releaseAnswer);
  if (!released?.held) {
    throw new CliError("try_again", "the server did not leave its store alone until it was copied", {
      todo: "See that the server runs, and try again",
    });
  }
  return (await stat(target)).size;
}

/** No server has the store: SQLite copies it, and refuses where one has it after all. */
async function copyStopped(dataDir: string, target: string): Promise<number> {
  const path = join(dataDir, STORE_FILE);
  try {
    using db = new Database(path, { readwrite: true, create: false });
    db.exec("PRAGMA busy_timeout = 2000");
    db.query("VACUUM INTO $target").run({ $target: target });
  } catch (cause) {
    if ((cause as { code?: string }).code?.startsWith("SQLITE_BUSY")) {
      throw new CliError("unreachable", `${path} is in use by a server that does not answer this account`, {
        cause,
        todo: "Run this as the account of that server, or stop it",
      });
    }
    throw explainStore(cause, { store: "sqlite", dataDir });
  }
  await chmod(target, 0o600);
  return (await stat(target)).size;
}

/** Shares the blocks where the file system can; on disk when it resolves, and only this account's. */
export async function copyFilePrivately(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL);
  await chmod(to, 0o600);
  const file = await open(to, "r+");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Throws where the file is no store, or a damaged one. */
export function proveStore(path: string): void {
  let found: unknown;
  try {
    using db = new Database(path, { readwrite: true, create: false });
    const [row] = db.query("PRAGMA quick_check(1)").values();
    found = row?.[0];
    if (found === "ok") db.query("SELECT 1 FROM compute_migrations LIMIT 1").get();
  } catch (cause) {
    throw new CliError("bad_data", `${path} is no store, or a damaged one: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (found !== "ok") throw new CliError("bad_data", `${path} is damaged: ${String(found)}`);
}
