import { readdirSync, readFileSync } from "node:fs";

/** Processes with `NAME=value` in their environment, like every process of a job; Linux only. */
export function processesWithVariable(name: string, value: string): number[] {
  return pids().filter((pid) => environmentOf(pid).includes(`${name}=${value}`));
}

/** The processes of a job, even if they moved to another process group or session. */
export function processesOfJob(jobId: string): number[] {
  return processesWithVariable("TANVRIT_JOB_ID", jobId);
}

/** Processes that have this text in an argument or a variable. */
export function processesNaming(text: string): number[] {
  return pids().filter((pid) =>
    [...environmentOf(pid), ...textsOf(pid, "cmdline")].some((one) => one.includes(text)),
  );
}

function pids(): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

function environmentOf(pid: number): string[] {
  return textsOf(pid, "environ");
}

function textsOf(pid: number, file: "environ" | "cmdline"): string[] {
  try {
    if (/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"))) return [];
    return readFileSync(`/proc/${pid}/${file}`, "utf8").split("\0");
  } catch {
    // It ended in the meantime, or belongs to another user and so is not ours.
    return [];
  }
}
