import { cp, mkdir } from "node:fs/promises";
import { ChildOutput } from "../../process/child-output.ts";
import { signalGroup } from "../../process/process-tree.ts";

/**
 * Copies what is in a directory into another one, with modes, times, links and empty directories, on top of what is there.
 * The copies belong to this process's account. Shares the disk's blocks where the file system can. Throws an Error, and the
 * signal's reason.
 */
export async function copyTree(from: string, to: string, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  await mkdir(to, { recursive: true });
  if (process.platform !== "linux" || !(await runCp(GNU, from, to, signal)))
    await cp(from, to, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true, force: true });
}

const GNU = ["-R", "--preserve=mode,timestamps,links", "--no-dereference", "--reflink=auto"];

/** false: this cp does not know the options. */
async function runCp(
  options: readonly string[],
  from: string,
  to: string,
  signal: AbortSignal,
): Promise<boolean> {
  const child = Bun.spawn(["cp", ...options, "--", `${from}/.`, to], {
    stdin: "ignore",
    stdout: "ignore",
    stderr: "pipe",
    env: { PATH: process.env.PATH ?? "/usr/bin:/bin", LC_ALL: "C" },
    detached: true,
  });
  const stderr = new ChildOutput(child.stderr, MAX_STDERR_BYTES);
  const end = () => signalGroup(child.pid, "SIGKILL");
  signal.addEventListener("abort", end, { once: true });
  try {
    const exitCode = await child.exited;
    signal.throwIfAborted();
    if (exitCode === 0) return true;
    await stderr.rest();
    if (/unrecognized option|invalid option/i.test(stderr.text)) return false;
    throw new Error(`Cannot copy ${from} to ${to}: ${stderr.text.trim().split("\n")[0]}`);
  } finally {
    signal.removeEventListener("abort", end);
    stderr.stop();
  }
}

const MAX_STDERR_BYTES = 64 * 1024;
