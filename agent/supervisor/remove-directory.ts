import { readFileSync, realpathSync, rmdirSync } from "node:fs";
import { chmod, lstat, readdir, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { unescaped } from "../limits/cgroup.ts";
import { libc } from "../process/libc.ts";

/**
 * Removes a job's directory with all in it, also what the job made read-only. What the job mounted there is let go of
 * first and stays as it is: it may be the machine's own files.
 */
export async function removeDirectory(path: string): Promise<void> {
  try {
    rmdirSync(path); // Most jobs leave it empty, and this is far cheaper than looking.
    return;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
  }
  unmountAllIn(path);
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await makeWritable(path);
    await rm(path, { recursive: true, force: true });
  }
}

/** Throws where something stays mounted. */
function unmountAllIn(path: string): void {
  let [first] = mountsIn(path);
  // What is mounted inside it goes with it.
  while (first !== undefined && libc()?.unmount(first)) [first] = mountsIn(path);
  if (first === undefined) return;
  throw new Error(`the job left something mounted at ${first}; unmount it, and remove ${path}`);
}

/** The outermost comes first. */
function mountsIn(path: string): string[] {
  if (process.platform !== "linux") return [];
  // The directory itself may be a link by now, and what it leads to is not the job's.
  const real = join(realpathSync(dirname(path)), basename(path));
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => unescaped(line.split(" ")[4] ?? ""))
    .filter((point) => point === real || point.startsWith(`${real}/`))
    .sort((a, b) => a.length - b.length);
}

/** Names are bytes here: a job may call a directory what is no text. */
async function makeWritable(path: string | Buffer): Promise<void> {
  await chmod(path, 0o700);
  for (const name of await readdir(path, { encoding: "buffer" })) {
    const inner = Buffer.concat([Buffer.from(path), Buffer.from("/"), name]);
    if ((await lstat(inner)).isDirectory()) await makeWritable(inner);
  }
}
