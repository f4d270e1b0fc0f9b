import { readFileSync, realpathSync } from "node:fs";
import { chmod, lstat, readdir, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { codeOf } from "../../shared/code-of.ts";
import { libc } from "../process/libc.ts";
import { unescaped } from "./cgroup.ts";

/**
 * Removes a job's directory with all its content, even what the job made read-only. File systems that the job mounted in
 * it are unmounted first and keep their files, which may be the machine's own.
 */
export async function removeDirectory(path: string): Promise<void> {
  try {
    await rmdir(path); // Most jobs leave it empty, and trying is far cheaper than looking.
    return;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return;
  }
  unmountAllIn(path);
  try {
    await rm(path, { recursive: true, force: true });
  } catch {
    await makeWritable(path);
    await rm(path, { recursive: true, force: true });
  }
}

/** Throws if something stays mounted. */
function unmountAllIn(path: string): void {
  let [first] = mountsIn(path);
  // Unmounting also removes the mounts inside it.
  while (first !== undefined && libc()?.unmount(first)) [first] = mountsIn(path);
  if (first === undefined) return;
  throw new Error(`the job left a file system mounted at ${first}; unmount it, and remove ${path}`);
}

/** The mount points in a directory, the outermost first. */
function mountsIn(path: string): string[] {
  if (process.platform !== "linux") return [];
  // The job may have replaced the directory by a link, whose target does not belong to it.
  const real = join(realpathSync(dirname(path)), basename(path));
  return readFileSync("/proc/self/mountinfo", "utf8")
    .split("\n")
    .map((line) => unescaped(line.split(" ")[4] ?? ""))
    .filter((point) => point === real || point.startsWith(`${real}/`))
    .sort((a, b) => a.length - b.length);
}

/** Names are bytes here, because a job may create names that are not UTF-8. */
async function makeWritable(path: string | Buffer): Promise<void> {
  await chmod(path, 0o700);
  for (const name of await readdir(path, { encoding: "buffer" })) {
    const inner = Buffer.concat([Buffer.from(path), Buffer.from("/"), name]);
    if ((await lstat(inner)).isDirectory()) await makeWritable(inner);
  }
}
