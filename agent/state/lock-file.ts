import { readFileSync } from "node:fs";
import { hostname } from "node:os";
import { processLives } from "../../shared/process-lives.ts";
import { processStat } from "../process/process-table.ts";
import { bootId } from "./machine.ts";
import { leaseLeftMs } from "./shared-disk.ts";

/** The holder of a lock, as its file names it. */
export interface Holder {
  pid: number;
  /** When that process started; a later process may get the same pid. */
  started: string;
  /** Absent in locks of earlier versions. */
  host?: string;
  boot?: string;
  /** The kernel keeps this lock, so it is free as soon as its process has ended, however that ended. */
  byKernel?: boolean;
}

/** The disk that holds a lock's file. */
export interface Disk {
  /** Other machines may use it too. */
  isShared: boolean;
}

/** `process 12 on hosta` */
export function holderInWords({ pid, host }: Holder): string {
  return host === undefined ? `process ${pid}` : `process ${pid} on ${host}`;
}

/** This process as a holder. */
export function ownHolder(): Holder {
  return { pid: process.pid, started: startOf(process.pid), host: hostname(), boot: bootId() };
}

/** The holder that the file names; undefined: there is no lock, or the file is not one. */
export function readHolder(path: string): Holder | undefined {
  try {
    const { pid, started, host, boot, byKernel } = JSON.parse(readFileSync(path, "utf8")) as Partial<Holder>;
    if (typeof pid === "number") return { pid, started: String(started), host, boot, byKernel };
  } catch {
    // It is gone by now, or not one of our locks: nobody holds it.
  }
  return undefined;
}

/** The holder, if it is on another machine that shares this disk and has renewed the lock lately. */
export function whoLeases(holder: Holder, path: string, disk: Disk): Holder | undefined {
  if (holder.boot === undefined || holder.boot === bootId() || !disk.isShared) return undefined;
  return leaseLeftMs(path) > 0 ? holder : undefined;
}

/** Whether the holder's process still runs; on another machine, whether it has renewed the lock lately. */
export function isAlive(holder: Holder, path: string, disk: Disk): boolean {
  if (holder.boot !== undefined && holder.boot !== bootId())
    return whoLeases(holder, path, disk) !== undefined;
  if (!processLives(holder.pid)) return false;
  // A killed process stays in the process list until its parent reaps it. A quick restart must not wait for that.
  const state = process.platform === "linux" ? processStat(holder.pid)?.state : undefined;
  return state !== "Z" && state !== "X" && startOf(holder.pid) === holder.started;
}

/** The boot and the tick in which a process started; empty when the system does not say, and then the pid must do. */
function startOf(pid: number): string {
  if (process.platform !== "linux") return "";
  return `${bootId()}:${processStat(pid)?.startTicks ?? ""}`;
}
