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
import { hostname } from "node:os";
import { dirname } from "node:path";
import { textOf } from "../../shared/text-of.ts";
import { AgentError } from "../process/agent-error.ts";
import { libc } from "../process/libc.ts";
import { processStat } from "../process/process-table.ts";
import { bootId } from "./machine.ts";
import { isShared, leaseLeftMs, RENEW_EVERY_MS } from "./shared-disk.ts";

/** How often somebody who is just looking, or a lock that was just removed, is met before we give up. */
const ATTEMPTS = 20;
const PAUSE_MS = 5;

/** Who has a lock, as its file says. */
export interface Holder {
  pid: number;
  /** When that process started; a later process may get the same pid. */
  started: string;
  /** Absent of one that a version before these wrote. */
  host?: string;
  boot?: string;
  /** The kernel keeps this lock, so that it is nobody's when it can be had, whatever became of the process. */
  byKernel?: boolean;
}

/** Where a lock's file is. */
export interface Disk {
  /** Other machines may use it too. */
  isShared: boolean;
}

function diskOf(path: string): Disk {
  return { isShared: isShared(path) };
}

export interface HeldLock {
  release(): void;
  /** Whether this process still has it; not when somebody removed it, as with the whole directory, or replaced it. */
  isOwn(): boolean;
}

/** A lock that this process has got, or who has it; undefined: whoever is faster at this moment. */
export type Lock = HeldLock | { heldBy: number | undefined; holder?: Holder };

/**
 * Makes this process the only agent of a state directory, or throws AgentError that says who is. Whatever became of the
 * holder, its lock is free when it has ended: also in another PID namespace, and, where the directory is on a disk that
 * several machines share, on another of them.
 */
export function acquireLock(path: string, disk = diskOf(path)): HeldLock {
  const lock = tryAsAgent(path, disk);
  if ("release" in lock) return lock;
  if (lock.holder === undefined) {
    throw new AgentError(`Cannot get hold of ${path}: other agents are starting at this moment. Try again.`);
  }
  const { holder } = lock;
  const leftMs = holder.boot === bootId() ? undefined : leaseLeftMs(path);
  const wait =
    leftMs === undefined
      ? ""
      : ` That is another machine; should it be gone, its lock is free after ${Math.ceil(leftMs / 1_000)} s.`;
  throw new AgentError(
    `Another agent (${holderInWords(holder)}) already runs here: it holds ${path}.${wait} agent stop ends it, agent run --replace takes its place and its jobs; a second agent needs another TANVRIT_HOME or workspace.`,
  );
}

/** Takes the lock, unless somebody who lives has it. Throws what the file system says against it. */
export function tryLock(path: string, disk = diskOf(path)): Lock {
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    if (attempt > 0) Bun.sleepSync(PAUSE_MS);
    const lock = tryByKernel(path, disk);
    if (lock === "none") return tryByLink(path, disk);
    if (lock !== "again") return lock;
  }
  return { heldBy: undefined };
}

/** The process that holds the lock, if it lives. */
export function lockHolder(path: string): number | undefined {
  return readLock(path)?.pid;
}

/** Who holds the lock, if anybody who lives does. */
export function readLock(path: string, disk = diskOf(path)): Holder | undefined {
  const holder = readHolder(path);
  if (!holder) return undefined;
  if (!holder.byKernel) return isAlive(holder, path, disk) ? holder : undefined;
  let fd: number;
  try {
    fd = openSync(path, "r");
  } catch {
    return undefined; // It was let go between our two looks.
  }
  try {
    const look = libc()?.lockFile(fd, "shared") ?? "none";
    if (look === "held") return holder;
    return look === "none" || holder.boot !== bootId() ? whoLeases(holder, path, disk) : undefined;
  } finally {
    closeSync(fd);
  }
}

/** `process 12 on hosta` */
export function holderInWords({ pid, host }: Holder): string {
  return host === undefined ? `process ${pid}` : `process ${pid} on ${host}`;
}

function tryAsAgent(path: string, disk: Disk): Lock {
  try {
    return tryLock(path, disk);
  } catch (error) {
    const what = `The agent cannot write to ${dirname(path)}: ${textOf(error)}.`;
    throw new AgentError(
      `${what} Free some space there or make it writable for this account, then start it again; jobs that run go on.`,
      { cause: error },
    );
  }
}

/** `again`: somebody was just looking, or the file was just removed. `none`: there are no locks of the kernel here. */
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
  // Whoever shares the disk from another machine may not see the kernel's lock, but sees when this was last written.
  const renewal = disk.isShared ? setInterval(() => writeOwn(fd), RENEW_EVERY_MS) : undefined;
  renewal?.unref();
  return {
    release() {
      clearInterval(renewal);
      // Removed while it is still held, so that nobody gets hold of what is no longer there.
      if (isSameFile(fd, path)) rmSync(path, { force: true });
      closeSync(fd);
    },
    isOwn: () => isSameFile(fd, path),
  };
}

/** In the place of what was there, in one write: whoever reads meanwhile reads what is no JSON, and looks again. */
function writeOwn(fd: number): void {
  const own: Holder = { ...ownHolder(), byKernel: true };
  const bytes = Buffer.from(JSON.stringify(own));
  writeSync(fd, bytes, 0, bytes.length, 0);
  ftruncateSync(fd, bytes.length);
}

/** Where the kernel has no locks, a link appears with its whole content or not at all. */
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
      // What cannot be read now may still be there.
      return (error as NodeJS.ErrnoException).code !== "ENOENT";
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

function ownHolder(): Holder {
  return { pid: process.pid, started: startOf(process.pid), host: hostname(), boot: bootId() };
}

function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

function readHolder(path: string): Holder | undefined {
  try {
    const { pid, started, host, boot, byKernel } = JSON.parse(readFileSync(path, "utf8")) as Partial<Holder>;
    if (typeof pid === "number") return { pid, started: String(started), host, boot, byKernel };
  } catch {
    // Gone in the meantime or not a lock of ours: nobody holds it.
  }
  return undefined;
}

/** What cannot be looked at now may still be there. */
function isSameFile(fd: number, path: string): boolean {
  try {
    const [own, there] = [fstatSync(fd), statSync(path)];
    return own.ino === there.ino && own.dev === there.dev;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
}

/** Another starting agent may replace the lock between our look and our hand; what is not what we saw is put back. */
function takeAway(path: string, seen: Holder | undefined): void {
  const aside = `${path}.${process.pid}.stale`;
  try {
    renameSync(path, aside);
  } catch {
    return; // Somebody else took it away.
  }
  const taken = readHolder(aside);
  if (taken?.pid !== seen?.pid || taken?.started !== seen?.started) tryLink(aside, path);
  rmSync(aside, { force: true });
}

/** The holder, where it is on another machine that shares this disk and has said lately that it is there. */
function whoLeases(holder: Holder, path: string, disk: Disk): Holder | undefined {
  if (holder.boot === undefined || holder.boot === bootId() || !disk.isShared) return undefined;
  return leaseLeftMs(path) > 0 ? holder : undefined;
}

function isAlive(holder: Holder, path: string, disk: Disk): boolean {
  if (holder.boot !== undefined && holder.boot !== bootId())
    return whoLeases(holder, path, disk) !== undefined;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    // EPERM: it lives, under another account.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  // One that was killed stays in the list until its parent looks; whoever starts again at once must not wait for that.
  const state = process.platform === "linux" ? processStat(holder.pid)?.state : undefined;
  return state !== "Z" && state !== "X" && startOf(holder.pid) === holder.started;
}

/** The boot and the tick in which a process started; where the system does not say, the pid alone must do. */
function startOf(pid: number): string {
  if (process.platform !== "linux") return "";
  return `${bootId()}:${processStat(pid)?.startTicks ?? ""}`;
}
