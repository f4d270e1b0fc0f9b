import { pause } from "../../shared/wait.ts";
import { libc } from "../process/libc.ts";
import { Patience } from "../process/patience.ts";
import { isDead, linuxTable, type ProcessRow } from "../process/process-table.ts";
import { send, withDescendants } from "../process/process-tree.ts";

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

  /** Kills and reaps all that came here. Resolves with what will not die, which nearly always is nothing. */
  async end(): Promise<number[]> {
    const patience = new Patience();
    for (let waitMs = 1; ; waitMs = Math.min(waitMs * 2, 50)) {
      const rows = linuxTable();
      const roots = rows.filter((row) => this.isStray(row));
      if (roots.length === 0) return [];
      for (const { pid } of roots.filter(isDead)) libc()?.reap(pid);
      const living = withDescendants(rows, new Set(roots.map((row) => row.pid)));
      for (const pid of living) send(pid, "SIGSTOP");
      for (const pid of living) send(pid, "SIGKILL");
      if (patience.isOver(() => living)) return living;
      await pause(waitMs);
    }
  }

  private isStray({ pid, parentId }: ProcessRow): boolean {
    return parentId === process.pid && !this.keepers.has(pid) && !this.helpers.has(pid);
  }
}
