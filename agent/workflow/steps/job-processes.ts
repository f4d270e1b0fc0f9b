import { randomUUID } from "node:crypto";
import { pause } from "../../../shared/wait.ts";
import { isDead, linuxTable, type ProcessRow, readProc } from "../../process/process-table.ts";
import { endAll, endGroup, signalGroup, withDescendants } from "../../process/process-tree.ts";
import { stopTimes } from "../stop-times.ts";

/** Carries the id of the job, so that processes which left their session are found. The name is GitHub's. */
const TRACKING_VARIABLE = "RUNNER_TRACKING_ID";
const LOOK_MS = 50;

/** The processes that the steps of one job started: each step is a session of its own. */
export class JobProcesses {
  private readonly trackingId = `github_${randomUUID()}`;
  /** Sessions of steps that run, or that left processes behind. */
  private readonly sessions = new Set<number>();
  private inHurry = false;

  get variables(): Record<string, string> {
    return { [TRACKING_VARIABLE]: this.trackingId };
  }

  started(sessionId: number): void {
    this.sessions.add(sessionId);
  }

  /** Call it when the leader of the session has ended by itself; what it left runs on until `end`. */
  leaderEnded(sessionId: number): void {
    // The number of a session without processes may soon be that of another one.
    if (!signalGroup(sessionId, 0)) this.sessions.delete(sessionId);
  }

  /** Asks the processes of a step to end: INT, after 7.5 s TERM, and after another 2.5 s kills its whole tree. */
  async stop(sessionId: number): Promise<void> {
    for (const [signal, ms] of [
      ["SIGINT", stopTimes.fromIntToTermMs],
      ["SIGTERM", stopTimes.fromTermToKillMs],
    ] as const) {
      signalGroup(sessionId, signal);
      // A stopped process only gets the signal once it continues.
      signalGroup(sessionId, "SIGCONT");
      if (await this.endsWithin(sessionId, ms)) break;
    }
    await this.kill((rows) => rows.filter((row) => row.sessionId === sessionId));
    await endGroup(sessionId);
    this.sessions.delete(sessionId);
  }

  /** From now on processes are killed without being asked to end. */
  hurry(): void {
    this.inHurry = true;
  }

  /** Kills what the steps of the job left behind. Returns what it killed; on Linux only. */
  async end(): Promise<Pick<ProcessRow, "pid" | "name">[]> {
    for (const session of this.sessions) if (process.platform !== "linux") await endGroup(session);
    const mark = `${TRACKING_VARIABLE}=${this.trackingId}\0`;
    const killed = await this.kill((rows) =>
      rows.filter(
        ({ pid, sessionId }) => this.sessions.has(sessionId) || readProc(pid, "environ").includes(mark),
      ),
    );
    this.sessions.clear();
    return killed;
  }

  private async kill(pick: (rows: readonly ProcessRow[]) => ProcessRow[]): Promise<ProcessRow[]> {
    const killed = new Map<number, ProcessRow>();
    if (process.platform !== "linux") return [];
    await endAll((found) => {
      const rows = linuxTable();
      const roots = new Set(pick(rows).map((row) => row.pid));
      const left = new Set(withDescendants(rows, roots));
      for (const row of rows.filter(({ pid }) => left.has(pid) && pid !== process.pid)) {
        killed.set(row.pid, row);
        found(row.pid);
      }
    });
    return [...killed.values()];
  }

  private async endsWithin(sessionId: number, ms: number): Promise<boolean> {
    const untilMs = performance.now() + ms;
    while (!this.inHurry && this.lives(sessionId)) {
      if (performance.now() > untilMs) return false;
      await pause(LOOK_MS);
    }
    return true;
  }

  private lives(sessionId: number): boolean {
    if (!signalGroup(sessionId, 0)) return false;
    return (
      process.platform !== "linux" || linuxTable().some((row) => row.sessionId === sessionId && !isDead(row))
    );
  }
}
