import { existsSync, readdirSync } from "node:fs";
import { which } from "bun";

const NOBODY = "65534";
/** Where every agent of this machine keeps the directories of jobs of other accounts. */
const JOBS = "/var/lib/tanvrit-compute/jobs";
const LIMIT_MS = 10_000;

/** Why we cannot act as another account of this machine; undefined if we can. */
export function missingAccounts(): string | undefined {
  if (process.platform !== "linux") return "these tests need Linux: they attack as another account";
  if (process.geteuid?.() !== 0) return "only root can act as another account; run them as root";
  return which("setpriv") ? undefined : "setpriv is missing (package util-linux)";
}

/** Runs a program as an unprivileged account that is not ours; returns its standard output and exit code. */
export function asNobody(command: string[]): { exitCode: number; stdout: string; stderr: string } {
  const wrapped = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--", ...command];
  const { exitCode, stdout, stderr } = Bun.spawnSync(wrapped, { cwd: "/", timeout: LIMIT_MS });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Every path at or below this one that another account can read, write or enter. */
export function openToOthers(path: string): string[] {
  const found = asNobody(["find", path, "(", "-readable", "-o", "-writable", ")", "-print"]);
  return found.stdout.split("\n").filter(Boolean).sort();
}

/** What is left of an execution that another account ran. Other agents' jobs are in the same place. */
export function leftOf(executionId: string): string[] {
  if (!existsSync(JOBS)) return [];
  const paths = readdirSync(JOBS).flatMap((agent) => readdirSync(`${JOBS}/${agent}`));
  return paths.filter((path) => path.includes(executionId));
}

/** Runs `start` with this umask, which its child processes inherit. */
export function withUmask<T>(mask: number, start: () => T): T {
  const before = process.umask(mask);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}
