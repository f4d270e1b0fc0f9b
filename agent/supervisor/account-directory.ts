import { createHash } from "node:crypto";
import { chmodSync, chownSync, closeSync, lstatSync, mkdirSync, openSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../shared/code-of.ts";
import { inTime } from "../../shared/wait.ts";
import { keepers } from "../keeper/keeper.ts";
import { KeptChild } from "../keeper/kept-child.ts";
import type { JobAccount } from "../process/account.ts";

/**
 * The directory for jobs of other accounts. They cannot use directories in the agent's home, because only the agent may
 * enter those.
 */
const ROOT = "/var/lib/tanvrit-compute/jobs";
/** Caches of accounts without a home of their own. */
const CACHES = "/var/lib/tanvrit-compute/caches";
/** Lets an account pass through without listing the directories of others. */
const PASSABLE = 0o711;
const CLEAN_UP = "chmod -R u+rwX . 2>/dev/null; exec find . ! -name . -prune -exec rm -rf {} +";
const CLEAN_UP_LIMIT_MS = 120_000;

/** The directory of an execution that runs under another account. `work`: the work directory of its supervisor. */
export function accountDirectory(work: string, executionId: string): string {
  return join(rootFor(work), executionId);
}

/** Creates the directory. It belongs to the agent until it is given to the account. */
export function makeAccountDirectory(work: string, executionId: string): string {
  for (const dir of ["/var/lib/tanvrit-compute", ROOT, rootFor(work)]) makePassable(dir);
  const path = accountDirectory(work, executionId);
  mkdirSync(path, { mode: 0o700 });
  return path;
}

/**
 * Removes the directory with all its content, even what the job made read-only. This runs as the account itself: its
 * other processes may still work in there, and must not be able to trick us into removing files elsewhere.
 */
export async function removeAccountDirectory(path: string): Promise<void> {
  const owner = lstatSync(path, { throwIfNoEntry: false });
  if (!owner) return;
  if (!removedEmpty(path)) {
    await cleanUp(path, owner);
    rmdirSync(path);
  }
}

/** A directory in which the account may keep what its next jobs use. Throws an Error if it cannot be made. */
export function accountCache({ uid, gid, home }: JobAccount): string {
  const stat = lstatSync(home, { throwIfNoEntry: false });
  if (stat?.isDirectory() && stat.uid === uid) return join(home, ".cache", "tanvrit-compute");
  for (const dir of ["/var/lib/tanvrit-compute", CACHES]) makePassable(dir);
  const path = join(CACHES, String(uid));
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (lstatSync(path).uid !== uid) chownSync(path, uid, gid);
  return path;
}

function rootFor(work: string): string {
  return join(ROOT, createHash("sha256").update(work).digest("hex").slice(0, 16));
}

function makePassable(dir: string): void {
  mkdirSync(dir, { recursive: true });
  const { uid, mode } = lstatSync(dir);
  if (uid !== process.getuid?.() && uid !== 0)
    throw new Error(`${dir} belongs to another account; remove it, or give it to root`);
  if ((mode & 0o777) !== PASSABLE) chmodSync(dir, PASSABLE);
}

function removedEmpty(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return codeOf(error) === "ENOENT";
  }
}

async function cleanUp(path: string, { uid, gid }: { uid: number; gid: number }): Promise<void> {
  const system = keepers();
  if (!system) return;
  const nowhere = openSync("/dev/null", "w");
  try {
    const child = await KeptChild.start(system, {
      program: "/bin/sh",
      argv: ["sh", "-c", CLEAN_UP],
      env: { PATH: "/usr/local/bin:/usr/bin:/bin" },
      directory: path,
      groups: [],
      name: "tc-clean-up",
      account: { name: "", uid, gid, groups: [gid], home: "/", shell: "/bin/sh" },
      stdout: nowhere,
      stderr: nowhere,
      umask: undefined,
      openFiles: undefined,
      mark: 0n,
    });
    await inTime(CLEAN_UP_LIMIT_MS, child.gone);
    await child.end();
  } finally {
    closeSync(nowhere);
  }
}
