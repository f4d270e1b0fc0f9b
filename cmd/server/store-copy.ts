import { Database } from "bun:sqlite";
import { constants } from "node:fs";
import { chmod, copyFile, open, stat } from "node:fs/promises";
import { join } from "node:path";
import { codeOf } from "../../shared/code-of.ts";
import { holdAnswer, releaseAnswer } from "../../shared/sockets/maintenance.ts";
import { textOf } from "../../shared/text-of.ts";
import { CliError } from "../exit/failure.ts";
import { askServerOf, explainStore } from "./store-owner.ts";

export const STORE_FILE = "compute.db";
export const SECRET_KEY = "secret.key";

/** The server leaves its file alone for half a minute after each request. */
const HOLD_AGAIN_MS = 5_000;

/**
 * Copies the store of a data directory as of one moment, whether or not a server runs on it. Resolves with the size of
 * the copy in bytes. Throws `try_again` if the server went away meanwhile: the copy is then worthless.
 */
export async function copyStore(dataDir: string, target: string): Promise<number> {
  const hold = () => askServerOf(dataDir, { maintain: "hold" }, holdAnswer);
  const held = await hold();
  if (!held) return copyStopped(dataDir, target);
  let renewed: Promise<unknown> = Promise.resolve();
  const renewal = setInterval(() => {
    // If a renewal fails, the release reports it.
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
    throw new CliError("try_again", "the server used its store again before the copy was complete", {
      todo: "Check that the server is running, and try again",
    });
  }
  return (await stat(target)).size;
}

/** No server has the store: SQLite copies it, and refuses if a server has it after all. */
async function copyStopped(dataDir: string, target: string): Promise<number> {
  const path = join(dataDir, STORE_FILE);
  try {
    using db = new Database(path, { readwrite: true, create: false });
    db.exec("PRAGMA busy_timeout = 2000");
    db.query("VACUUM INTO $target").run({ $target: target });
  } catch (cause) {
    if (codeOf(cause)?.startsWith("SQLITE_BUSY")) {
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

/** Shares blocks if the file system can. When it resolves, the copy is on disk, and only this account can read it. */
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

/** Throws if the file is not a store, or is damaged. */
export function proveStore(path: string): void {
  let found: unknown;
  try {
    using db = new Database(path, { readwrite: true, create: false });
    const [row] = db.query("PRAGMA quick_check(1)").values();
    found = row?.[0];
    if (found === "ok") db.query("SELECT 1 FROM compute_migrations LIMIT 1").get();
  } catch (cause) {
    throw new CliError("bad_data", `${path} is not a store, or is damaged: ${textOf(cause)}`, {
      cause,
    });
  }
  if (found !== "ok") throw new CliError("bad_data", `${path} is damaged: ${String(found)}`);
}
