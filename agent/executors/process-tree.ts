import { readdirSync, readFileSync } from "node:fs";
import { pause } from "../wait.ts";
import { EXECUTION_VARIABLE } from "./environment.ts";

/** A process that does not end within this time after SIGKILL hangs in the kernel; nobody can end it. */
const KILL_LIMIT_MS = 5_000;
/** After so long it is worth looking whether what is left of a group are only the dead that nobody reaped. */
const LOOK_FOR_DEAD_MS = 30;

/** Sends a signal to every process of a group. false: the group has no process left. */
export function signalGroup(groupId: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-groupId, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    // EPERM: there are processes, but a setuid program among them is not ours to signal.
    return true;
  }
}

/** Kills what is left of a group and waits until it is gone. false: there was nothing left. */
export async function endGroup(groupId: number): Promise<boolean> {
  if (!signalGroup(groupId, "SIGKILL")) return false;
  await untilGone((elapsedMs) => {
    if (!signalGroup(groupId, "SIGKILL")) return true;
    return elapsedMs >= LOOK_FOR_DEAD_MS && !hasLivingMember(groupId);
  });
  return true;
}

/** Kills processes of these executions that left their group, again and again until no new one is found. */
export async function endStragglers(executionIds: ReadonlySet<string>): Promise<void> {
  await untilGone(() => {
    const pids = processesOf(executionIds);
    for (const pid of pids) killOne(pid);
    return pids.length === 0;
  });
}

/** The living processes whose environment names one of these executions. Only Linux can say; none elsewhere. */
export function processesOf(executionIds: ReadonlySet<string>): number[] {
  const marker = `${EXECUTION_VARIABLE}=`;
  return processIds().filter((pid) => {
    if (pid === process.pid) return false;
    const variables = readProc(pid, "environ").split("\0");
    return variables.some(
      (variable) => variable.startsWith(marker) && executionIds.has(variable.slice(marker.length)),
    );
  });
}

/** What the kernel says of a process: `/proc/PID/stat` behind the command's name. */
export interface ProcessStat {
  pid: number;
  state: string;
  groupId: number;
  sessionId: number;
  /** Clock ticks since boot. With the pid it names a process for good. */
  startTicks: string;
}

export function processStat(pid: number): ProcessStat | undefined {
  const text = readProc(pid, "stat");
  // The name stands in parentheses and may hold any character, also a parenthesis.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  if (fields.length < 20) return undefined;
  return {
    pid,
    state: fields[0] ?? "",
    groupId: Number(fields[2]),
    sessionId: Number(fields[3]),
    startTicks: fields[19] ?? "",
  };
}

export function processIds(): number[] {
  if (process.platform !== "linux") return [];
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** Empty where the process is gone or is not ours to look at. */
export function readProc(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "latin1");
  } catch {
    return ""; // It ended while we looked, or belongs to somebody else; neither concerns the caller.
  }
}

function hasLivingMember(groupId: number): boolean {
  if (process.platform !== "linux") return true;
  return processIds().some((pid) => {
    const stat = processStat(pid);
    return stat?.groupId === groupId && stat.state !== "Z" && stat.state !== "X";
  });
}

function killOne(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It ended by itself in between, which is what we want.
  }
}

async function untilGone(isGone: (elapsedMs: number) => boolean): Promise<void> {
  const startMs = performance.now();
  for (let waitMs = 1; !isGone(performance.now() - startMs); waitMs = Math.min(waitMs * 2, 50)) {
    if (performance.now() - startMs > KILL_LIMIT_MS) return;
    await pause(waitMs);
  }
}
