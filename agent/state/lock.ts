import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname } from "node:path";
import { codeOf } from "../../shared/code-of.ts";
import { textOf } from "../../shared/text-of.ts";
import { AgentError } from "../process/agent-error.ts";
import { libc } from "../process/libc.ts";
import {
  type Disk,
  type Holder,
  holderInWords,
  isAlive,
  ownHolder,
  readHolder,
  whoLeases,
} from "./lock-file.ts";
import { bootId } from "./machine.ts";
import { isShared, leaseLeftMs, RENEW_EVERY_MS } from "./shared-disk.ts";

/** How often we retry when another process is reading the lock at this moment, or has just removed it. */
const ATTEMPTS = 20;
const PAUSE_MS = 5;

function diskOf(path: string): Disk {
  return { isShared: isShared(path) };
}

export interface HeldLock {
  release(): void;
  /** Whether this process still has it: not if it was removed (for example with its directory) or replaced. */
  isOwn(): boolean;
}

/** The lock, if this process got it; otherwise its holder. `heldBy` undefined: another process is taking it right now. */
export type Lock = HeldLock | { heldBy: number | undefined; holder?: Holder };

/**
 * Makes this process the only agent of a state directory, or throws an AgentError that names the agent that is. A lock
 * is free when its holder has ended, however it ended. This holds across PID namespaces, and across machines when the
 * directory is on a disk that they share.
 */
export function acquireLock(path: string, disk = diskOf(path)): HeldLock {
  const lock = tryAsAgent(path, disk);
  if ("release" in lock) return lock;
  if (lock.holder === undefined) {
    throw new AgentError(`Cannot get the lock ${path}: other agents are starting at this moment. Try again.`);
  }
  const { holder } = lock;
  const leftMs = holder.boot === bootId() ? undefined : leaseLeftMs(path);
  const wait =
    leftMs === undefined
      ? ""
      : ` That is another machine; if it is gone, its lock is free after ${Math.ceil(leftMs / 1_000)} s.`;
  throw new AgentError(
    `Another agent (${holderInWords(holder)}) is already running here: it holds ${path}.${wait} agent stop ends it; agent run --replace takes over its place and its jobs. A second agent needs another TANVRIT_HOME or workspace.`,
  );
}

/** Takes the lock, unless a live process has it. Throws the error of the file system if the file cannot be written. */
export function tryLock(path: string, disk = diskOf(path)): Lock {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) Bun.sleepSync(PAUSE_MS);
    const lock = tryByKernel(path, disk);
    if (lock === "none") return tryByLink(path, disk);
    if (lock !== "again") return lock;
  }
  return { heldBy: undefined };
}

/** The pid of the lock's holder; undefined: no live process holds it. */
export function lockHolder(path: string): number | undefined {
  return readLock(path)?.pid;
}

/** The lock's holder; undefined: no live process holds it. */
export function readLock(path: string, disk = diskOf(path)): Holder | undefined {
  const holder = readHolder(path);
  if (!holder) return undefined;
  if (!holder.byKernel) return isAlive(holder, path, disk) ? holder : undefined;
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined; // It was released between our two looks.
  }
  try {
    const look = libc()?.lockFile(fd, "shared") ?? "none";
    if (look === "held") return holder;
    return look === "none" || holder.boot !== bootId() ? whoLeases(holder, path, disk) : undefined;
  } finally {
    closeSync(fd);
  }
}

function tryAsAgent(path: string, disk: Disk): Lock {
  try {
    return tryLock(path, disk);
  } catch (error) {
    const what = `The agent cannot write to ${dirname(path)}: ${textOf(error)}.`;
    throw new AgentError(
      `${what} Free some space there or make it writable for this account, then start it again; running jobs continue.`,
      { cause: error },
    );
  }
}

/** `again`: another process was just reading it, or the file was just removed. `none`: the kernel offers no locks here. */
function tryByKernel(path: string, disk: Disk): Lock | "again" | "none" {
  const system = libc();
  if (!system) return "none";
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600);
  let keep = false;
  try {
    const got = system.lockFile(fd, "exclusive");
    if (got === "none") return "none";
    const holder = readHolder(path);
    if (got === "held") return holder?.byKernel ? { heldBy: holder.pid, holder } : "again";
    if (!isSameFile(fd, path)) return "again";
    const other =
      holder && (holder.byKernel ? whoLeases(holder, path, disk) : isAlive(holder, path, disk) && holder);
    if (other) return { heldBy: other.pid, holder: other };
    writeOwn(fd);
    keep = true;
    return held(fd, path, disk);
  } finally {
    if (!keep) closeSync(fd);
  }
}

function held(fd: number, path: string, disk: Disk): HeldLock {
  // Another machine that shares the disk may not see the kernel's lock, but it sees when the file was last written.
  const renewal = disk.isShared ? setInterval(() => writeOwn(fd), RENEW_EVERY_MS) : undefined;
  renewal?.unref();
  return {
    release() {
      clearInterval(renewal);
      // It is removed while it is still held. Otherwise another process could lock a file that no longer exists.
      if (isSameFile(fd, path)) rmSync(path, { force: true });
      closeSync(fd);
    },
    isOwn: () => isSameFile(fd, path),
  };
}

/** Overwrites the content in one write. A reader in between may read invalid JSON, and looks again. */
function writeOwn(fd: number): void {
  const own: Holder = { ...ownHolder(), byKernel: true };
  const bytes = Buffer.from(JSON.stringify(own));
  writeSync(fd, bytes, 0, bytes.length, 0);
  ftruncateSync(fd, bytes.length);
}

/** The way without kernel locks: a link appears with its whole content or not at all. */
function tryByLink(path: string, disk: Disk): Lock {
  const own = ownHolder();
  const offer = `${path}.${process.pid}.offer`;
  try {
    writeFileSync(offer, JSON.stringify(own), { mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (tryLink(offer, path)) return heldByLink(path, own, disk);
      const holder = readHolder(path);
      if (holder && isAlive(holder, path, disk)) return { heldBy: holder.pid, holder };
      takeAway(path, holder);
    }
  } finally {
    rmSync(offer, { force: true });
  }
  return { heldBy: undefined };
}

function heldByLink(path: string, own: Holder, disk: Disk): HeldLock {
  const isOwn = () => {
    try {
      return (JSON.parse(readFileSync(path, "utf8")) as Partial<Holder>).pid === process.pid;
    } catch (error) {
      // A file that cannot be read now may still exist.
      return codeOf(error) !== "ENOENT";
    }
  };
  const renew = () => {
    if (isOwn()) writeFileSync(path, JSON.stringify(own), { mode: 0o600 });
  };
  const renewal = disk.isShared ? setInterval(renew, RENEW_EVERY_MS) : undefined;
  renewal?.unref();
  return {
    release() {
      clearInterval(renewal);
      const holder = readHolder(path);
      if (holder?.pid === own.pid && holder.started === own.started) rmSync(path, { force: true });
    },
    isOwn,
  };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** A file that cannot be looked at now may still exist, so it counts as the same. */
function isSameFile(fd: number, path: string): boolean {
  try {
    const [own, there] = [fstatSync(fd), statSync(path)];
    return own.ino === there.ino && own.dev === there.dev;
  } catch (error) {
    return codeOf(error) !== "ENOENT";
  }
}

/** Removes a stale lock. If another starting agent has replaced it since we looked, its lock is put back. */
function takeAway(path: string, seen: Holder | undefined): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Another process has removed it.
  }
  const taken = readHolder(aside);
  if (taken?.pid !== seen?.pid || taken?.started !== seen?.started) tryLink(aside, path);
  rmSync(aside, { force: true });
}
