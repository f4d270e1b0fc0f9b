import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { AgentError, textOf } from "../agent-log.ts";
import { processStat } from "../executors/process-table.ts";

/** How often the lock of a dead process is taken away before somebody else is believed to be faster. */
const ATTEMPTS = 5;

interface Holder {
  pid: number;
  /** When that process started; a later process may get the same pid. */
  started: string;
}

/** A lock that this process has got, or who has it; undefined: whoever is faster at this moment. */
export type Lock = { release: () => void } | { heldBy: number | undefined };

/**
 * Makes this process the only agent of a state directory, or throws AgentError. Returns how to let go. A lock whose
 * process is gone counts for nothing.
 */
export function acquireLock(path: string): () => void {
  const lock = tryAsAgent(path);
  if ("release" in lock) return lock.release;
  if (lock.heldBy === undefined) {
    throw new AgentError(`Cannot get hold of ${path}: other agents are starting at this moment. Try again.`);
  }
  throw new AgentError(
    `Another agent (process ${lock.heldBy}) already runs here: it holds ${path}. agent stop ends it, agent run --replace takes its place and its jobs; a second agent needs another TANVRIT_HOME or workspace.`,
  );
}

/** Takes the lock, unless a process that lives has it. Throws what the file system says against it. */
export function tryLock(path: string): Lock {
  const own: Holder = { pid: process.pid, started: startOf(process.pid) };
  const offer = `${path}.${process.pid}.offer`;
  try {
    writeFileSync(offer, JSON.stringify(own), { mode: 0o600 });
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      // A link appears with its whole content or fails, so no one ever reads half a lock.
      if (tryLink(offer, path)) return { release: () => release(path, own) };
      const holder = readHolder(path);
      if (holder && isAlive(holder)) return { heldBy: holder.pid };
      takeAway(path, holder);
    }
  } finally {
    rmSync(offer, { force: true });
  }
  return { heldBy: undefined };
}

function tryAsAgent(path: string): Lock {
  try {
    return tryLock(path);
  } catch (error) {
    const what = `The agent cannot write to ${dirname(path)}: ${textOf(error)}.`;
    throw new AgentError(
      `${what} Free some space there or make it writable for this account, then start it again; jobs that run go on.`,
      { cause: error },
    );
  }
}

/** The process that holds the lock, if it lives. */
export function lockHolder(path: string): number | undefined {
  const holder = readHolder(path);
  return holder && isAlive(holder) ? holder.pid : undefined;
}

/** Whether this process still has the lock it acquired; not when somebody removed it, as with the whole directory. */
export function isOwnLock(path: string): boolean {
  try {
    return (JSON.parse(readFileSync(path, "utf8")) as Partial<Holder>).pid === process.pid;
  } catch (error) {
    // What cannot be read now may still be there.
    return (error as NodeJS.ErrnoException).code !== "ENOENT";
  }
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
    const holder = JSON.parse(readFileSync(path, "utf8")) as Partial<Holder>;
    if (typeof holder.pid === "number") return { pid: holder.pid, started: String(holder.started) };
  } catch {
    // Gone in the meantime or not a lock of ours: nobody holds it.
  }
  return undefined;
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

function release(path: string, own: Holder): void {
  const holder = readHolder(path);
  if (holder?.pid === own.pid && holder.started === own.started) rmSync(path, { force: true });
}

function isAlive(holder: Holder): boolean {
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
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  return `${boot}:${processStat(pid)?.startTicks ?? ""}`;
}
