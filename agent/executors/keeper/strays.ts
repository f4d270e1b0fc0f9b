import { pause } from "../../wait.ts";
import { libc } from "../libc.ts";
import { isDead, linuxTable, type ProcessRow } from "../process-table.ts";
import { send, withDescendants } from "../process-tree.ts";

/** A process that does not end within this time after SIGKILL hangs in the kernel, or is not ours to end. */
const KILL_LIMIT_MS = 5_000;

/**
 * What comes to this process without a parent. While the keepers live that is nothing: orphans of jobs go to them.
 * When somebody kills a keeper, all of its job comes here, and is told from everything else by that.
 */
export class Strays {
  static readonly ofThisProcess = new Strays();
  private readonly keepers = new Set<number>();
  /** Programs that this process has started for itself. */
  private readonly helpers = new Set<number>();

  keeperBegan(pid: number): void {
    this.keepers.add(pid);
  }

  keeperEnded(pid: number): void {
    this.keepers.delete(pid);
  }

  /** A program that this process needs is not taken for a job's. */
  helperBegan(pid: number): void {
    this.helpers.add(pid);
  }

  helperEnded(pid: number): void {
    this.helpers.delete(pid);
  }

  /** Kills and reaps all that came here. Resolves when nothing is left of it, or it will not die. */
  async end(): Promise<void> {
    const startMs = performance.now();
    for (let waitMs = 1; performance.now() - startMs < KILL_LIMIT_MS; waitMs = Math.min(waitMs * 2, 50)) {
      const rows = linuxTable();
      const roots = rows.filter((row) => this.isStray(row));
      if (roots.length === 0) return;
      for (const { pid } of roots.filter(isDead)) libc()?.reap(pid);
      const living = withDescendants(rows, new Set(roots.map((row) => row.pid)));
      for (const pid of living) send(pid, "SIGSTOP");
      for (const pid of living) send(pid, "SIGKILL");
      await pause(waitMs);
    }
  }

  private isStray({ pid, parentId }: ProcessRow): boolean {
    return parentId === process.pid && !this.keepers.has(pid) && !this.helpers.has(pid);
  }
}
