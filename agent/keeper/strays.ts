import { pause } from "../../shared/wait.ts";
import { libc } from "../process/libc.ts";
import { Patience } from "../process/patience.ts";
import { isDead, linuxTable, type ProcessRow } from "../process/process-table.ts";
import { send, withDescendants } from "../process/process-tree.ts";

/**
 * Processes that this process has inherited. While the keepers live, there are none, because keepers adopt the orphans of
 * jobs. When a keeper is killed, this process inherits all of its job. A child that this process did not start itself is
 * such a stray.
 */
export class Strays {
  static readonly ofThisProcess = new Strays();
  private readonly keepers = new Set<number>();
  /** Programs that this process started for its own use. */
  private readonly helpers = new Set<number>();

  keeperBegan(pid: number): void {
    this.keepers.add(pid);
  }

  keeperEnded(pid: number): void {
    this.keepers.delete(pid);
  }

  /** Registers a program that this process needs, so that it is not taken for a stray. */
  helperBegan(pid: number): void {
    this.helpers.add(pid);
  }

  helperEnded(pid: number): void {
    this.helpers.delete(pid);
  }

  /** Kills and reaps all strays. Resolves to the processes that will not die, nearly always none. */
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
