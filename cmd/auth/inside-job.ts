import { EXECUTION_VARIABLE } from "../../agent/process/environment.ts";
import { processStat, readProc } from "../../agent/process/process-table.ts";
import type { Env } from "../../shared/config/home.ts";

/** Deeper than any chain of processes a person starts. */
const MAX_ANCESTORS = 1_000;

/**
 * Whether this process belongs to a job of an agent on this machine. Its variables show that. On Linux it shows even if
 * the job removed them, because nothing that a job starts leaves the process tree of its supervisor.
 */
export function isInsideJob(env: Env): boolean {
  return Boolean(env[EXECUTION_VARIABLE]) || (process.platform === "linux" && hasSupervisorAbove());
}

function hasSupervisorAbove(): boolean {
  let pid = process.ppid;
  for (let depth = 0; pid > 1 && depth < MAX_ANCESTORS; depth++) {
    const words = readProc(pid, "cmdline").split("\0");
    const at = words.indexOf("supervise");
    if (at > 0 && words[at - 1] === "agent" && words[at + 1] === "--dir") return true;
    pid = processStat(pid)?.parentId ?? 0;
  }
  return false;
}
