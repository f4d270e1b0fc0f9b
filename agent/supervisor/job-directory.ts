import { chownSync, mkdirSync } from "node:fs";
import { rmdir } from "node:fs/promises";
import { join } from "node:path";
import type { JobType } from "../../shared/job-fields.ts";
import { removeDirectory } from "../limits/remove-directory.ts";
import type { JobAccount } from "../process/account.ts";
import { accountDirectory, makeAccountDirectory, removeAccountDirectory } from "./account-directory.ts";

/** The directory in which a job runs. Until `handOver` no other account can reach what is in it. */
export class JobDirectory {
  private isGone = false;

  private constructor(
    /** Absolute. */
    readonly path: string,
    private readonly account: JobAccount | undefined,
    private readonly workRoot: string,
    private readonly executionId: string,
  ) {}

  /** @param workRoot the directory in which each execution gets its own. */
  static make(
    workRoot: string,
    executionId: string,
    { account, type }: { account?: JobAccount | undefined; type: JobType },
  ): JobDirectory {
    const own = join(workRoot, executionId);
    mkdirSync(own, { mode: 0o700 });
    // A container gets the directory mounted. A command must be able to reach it by its path.
    // The empty directory then tells the next supervisor that there is another to remove.
    const path = account && type !== "DOCKER" ? makeAccountDirectory(workRoot, executionId) : own;
    return new JobDirectory(path, account, workRoot, executionId);
  }

  /** Removes everything that was placed in it so far. */
  async empty(): Promise<void> {
    await removeDirectory(this.path);
    mkdirSync(this.path, { mode: 0o700 });
  }

  /** Gives it to the job's account. */
  handOver(): void {
    if (this.account) chownSync(this.path, this.account.uid, this.account.gid);
  }

  /** Removes it if the job left nothing in it, as most do. Resolves to whether it is gone: trying is cheaper than looking. */
  async removeIfEmpty(): Promise<boolean> {
    if (this.path !== join(this.workRoot, this.executionId)) return false;
    try {
      await rmdir(this.path);
      this.isGone = true;
    } catch {
      // There is something in it.
    }
    return this.isGone;
  }

  async remove(): Promise<void> {
    if (this.isGone) return;
    const { path, workRoot, executionId } = this;
    const own = join(workRoot, executionId);
    if (path !== own) await removeAccountDirectory(path);
    await removeDirectory(own);
  }
}

/** Removes the directory of a job that is over, also one that an earlier supervisor made. */
export async function removeJobDirectory(workRoot: string, executionId: string): Promise<void> {
  await removeAccountDirectory(accountDirectory(workRoot, executionId));
  await removeDirectory(join(workRoot, executionId));
}
