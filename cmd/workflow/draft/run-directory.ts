import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { killFound } from "../../../agent/process/process-tree.ts";
import { processLives } from "../../../shared/process-lives.ts";

const PREFIX = "tanvrit-workflow-";
/** Holds the id of the process that works in the directory. */
const OWNER = "owner";
/** Says that what is left is kept on purpose. */
const KEPT = "kept";
/** How long the directory of a failed run stays. */
const KEEP_MS = 24 * 3_600_000;

/** Where one run works and what it is given. */
export interface RunPaths {
  /** Where the engine works. */
  work: string;
  events: string;
  secrets: string;
}

/** The directory of the runs of one command, and what becomes of it. */
export class RunDirectory implements AsyncDisposable {
  /** The working copy, which all runs share. */
  readonly source: string;
  /** For what is only needed while the runs are prepared. */
  readonly scratch: string;
  private readonly kept = new Set<string>();

  private constructor(private readonly path: string) {
    this.source = join(path, "source");
    this.scratch = join(path, "scratch");
  }

  /** Makes one, and removes those that earlier commands left: when they were killed, or kept it long enough. */
  static make(): RunDirectory {
    removeOld();
    const path = mkdtempSync(join(tmpdir(), PREFIX));
    writeFileSync(join(path, OWNER), String(process.pid));
    return new RunDirectory(path);
  }

  run(number: number): RunPaths {
    const work = join(this.path, `run${number}`);
    return { work, events: `${work}.events`, secrets: `${work}.secrets` };
  }

  /** The working directory of this run stays for a day. */
  keep({ work }: RunPaths): void {
    this.kept.add(work);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.kept.size === 0) return removeTree(this.path);
    for (const name of readdirSync(this.path)) {
      const path = join(this.path, name);
      if (!this.kept.has(path)) await removeTree(path);
    }
    writeFileSync(join(this.path, KEPT), "");
  }
}

/** Steps may take away the right to write in their own directories. */
async function removeTree(path: string): Promise<void> {
  try {
    await rm(path, { recursive: true, force: true, maxRetries: 3 });
  } catch {
    await Bun.spawn(["chmod", "-R", "u+rwX", path], { stdout: "ignore", stderr: "ignore" }).exited;
    await rm(path, { recursive: true, force: true });
  }
}

function removeOld(): void {
  const uid = process.getuid?.();
  for (const name of readdirSync(tmpdir()).filter((one) => one.startsWith(PREFIX))) {
    const path = join(tmpdir(), name);
    try {
      const stat = statSync(path);
      if (stat.uid !== uid || isWorkedIn(path)) continue;
      const kept = statSync(join(path, KEPT), { throwIfNoEntry: false });
      if (kept && Date.now() - kept.mtimeMs < KEEP_MS) continue;
      killFound((found) => eachProcessIn(path, found));
      rmSync(path, { recursive: true, force: true });
    } catch {
      // Another run removes it, or a step took away our rights in it.
    }
  }
}

/** The steps of a run whose command was killed go on, and work in its directory. Linux only: elsewhere nobody knows where they work. */
function eachProcessIn(path: string, found: (pid: number) => void): void {
  if (process.platform !== "linux") return;
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    try {
      if (readlinkSync(`/proc/${name}/cwd`).startsWith(`${path}/`)) found(Number(name));
    } catch {
      // It has ended, or belongs to another account.
    }
  }
}

function isWorkedIn(path: string): boolean {
  return processLives(Number(readFileSync(join(path, OWNER), "utf8")));
}
