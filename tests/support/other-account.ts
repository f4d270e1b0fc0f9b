import { which } from "bun";

const NOBODY = "65534";
const LIMIT_MS = 10_000;

/** What keeps us from acting as another account of this machine. */
export function missingAccounts(): string | undefined {
  if (process.platform !== "linux") return "it attacks as another account of a Linux";
  if (process.geteuid?.() !== 0) return "only root may act as another account; run it as root";
  return which("setpriv") ? undefined : "setpriv is missing (package util-linux)";
}

/** Runs a program as an account that has nothing to do with ours; its standard output and exit code. */
export function asNobody(command: string[]): { exitCode: number; stdout: string; stderr: string } {
  const wrapped = ["setpriv", `--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--", ...command];
  const { exitCode, stdout, stderr } = Bun.spawnSync(wrapped, { cwd: "/", timeout: LIMIT_MS });
  return { exitCode, stdout: stdout.toString(), stderr: stderr.toString() };
}

/** Everything below a path that another account may read, write or enter, the path itself included. */
export function openToNobody(path: string): string[] {
  const found = asNobody(["find", path, "(", "-readable", "-o", "-writable", ")", "-print"]);
  return found.stdout.split("\n").filter(Boolean).sort();
}

/** Runs `start` with this umask, which what it starts inherits. */
export function withUmask<T>(mask: number, start: () => T): T {
  const before = process.umask(mask);
  try {
    return start();
  } finally {
    process.umask(before);
  }
}
