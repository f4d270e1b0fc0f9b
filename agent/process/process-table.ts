import { readdirSync, readFileSync } from "node:fs";
import { libc } from "./libc.ts";

/** What the kernel reports about a process. */
export interface ProcessRow {
  pid: number;
  /** The name of the program, at most 15 bytes; only on Linux. */
  name: string;
  parentId: number;
  groupId: number;
  /** Only on Linux; on other systems it is the group id. */
  sessionId: number;
  /** One letter: Z is dead and not yet reaped, T is stopped. */
  state: string;
  /** The start time, in no particular unit. Together with the pid, it identifies a process for good. */
  startTicks: string;
  /** Its own CPU time plus that of the children it has reaped. */
  cpuSeconds: number;
  residentBytes: number;
  threads: number;
}

/** The unit in which Linux reports times to user space, whatever the machine's own clock. */
const TICKS_PER_SECOND = 100;
const USUAL_PAGE_BYTES = 4_096;
const PS_LIMIT_MS = 2_000;
const PS_COLUMNS = "pid=,ppid=,pgid=,state=,rss=,time=,lstart=";

let pageBytes: number | undefined;

/** All processes of the machine; empty on a system that does not list them. */
export async function processTable(): Promise<ProcessRow[]> {
  if (process.platform === "linux") return linuxTable();
  return process.platform === "win32" ? [] : tableByPs();
}

export function linuxTable(): ProcessRow[] {
  return processIds().flatMap((pid) => processStat(pid) ?? []);
}

/** Reads `/proc/PID/stat`; undefined if the process is gone. */
export function processStat(pid: number): ProcessRow | undefined {
  const text = readProc(pid, "stat");
  // The name is in parentheses and may contain any character, even a parenthesis.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 22) return undefined;
  const ticks = Number(fields[11]) + Number(fields[12]) + Number(fields[13]) + Number(fields[14]);
  pageBytes ??= libc()?.pageBytes() ?? USUAL_PAGE_BYTES;
  return {
    pid,
    name: text.slice(text.indexOf("(") + 1, text.lastIndexOf(")")),
    state: fields[0] ?? "",
    parentId: Number(fields[1]),
    groupId: Number(fields[2]),
    sessionId: Number(fields[3]),
    cpuSeconds: ticks / TICKS_PER_SECOND,
    threads: Number(fields[17]),
    startTicks: fields[19] ?? "",
    residentBytes: Number(fields[21]) * pageBytes,
  };
}

export function processIds(): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** Empty if the process is gone or this process may not look at it. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return ""; // It has just ended, or belongs to another account; neither matters to the caller.
  }
}

/** Whether the process is dead, reaped or not. */
export function isDead(row: Pick<ProcessRow, "state"> | undefined): boolean {
  return row === undefined || row.state.startsWith("Z") || row.state.startsWith("X");
}

/** For macOS and other systems without /proc. */
export async function tableByPs(): Promise<ProcessRow[]> {
  const child = Bun.spawn(["ps", "-axo", PS_COLUMNS], {
    env: { PATH: process.env.PATH ?? "", LC_ALL: "C" },
    stdin: "ignore",
    stderr: "ignore",
    timeout: PS_LIMIT_MS,
    killSignal: "SIGKILL",
  });
  const text = await new Response(child.stdout).text();
  return text.split("\n").flatMap((line) => psRow(line) ?? []);
}

function psRow(line: string): ProcessRow | undefined {
  const [pid, parentId, groupId, state, rssKb, time, ...start] = line.trim().split(/\s+/);
  if (!pid || !time || start.length === 0) return undefined;
  return {
    pid: Number(pid),
    name: "",
    parentId: Number(parentId),
    groupId: Number(groupId),
    sessionId: Number(groupId),
    state: state ?? "",
    residentBytes: Number(rssKb) * 1024,
    cpuSeconds: psSeconds(time),
    startTicks: start.join(" "),
    threads: 1,
  };
}

/** Parses `[DD-]HH:MM:SS`, or `MM:SS.hh` on macOS. */
export function psSeconds(time: string): number {
  const [clock = "", days = "0"] = time.split("-").reverse();
  return clock.split(":").reduce((sum, part) => sum * 60 + Number(part), 0) + Number(days) * 86_400;
}
