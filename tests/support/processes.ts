import { readdirSync, readFileSync } from "node:fs";

/** The processes whose environment holds `NAME=value`, as every process of a job does: Linux only. */
export function processesWithVariable(name: string, value: string): number[] {
  return pids().filter((pid) => environmentOf(pid).includes(`${name}=${value}`));
}

/** The processes that belong to a job, whatever group or session they have moved to. */
export function processesOfJob(jobId: string): number[] {
  return processesWithVariable("TANVRIT_JOB_ID", jobId);
}

/** The processes that have this text in an argument or in a variable. */
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
    // It ended meanwhile, or it is another user's and so none of ours.
    return [];
  }
}
