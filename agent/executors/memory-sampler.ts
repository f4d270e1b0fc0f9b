import { processIds, processStat, readProc } from "./process-tree.ts";

const SAMPLE_MS = 500;
const MIB = 1024 * 1024;

/** What is known of one watched session. */
export interface MemoryWatch {
  peakMemoryMb: number | undefined;
}

/**
 * Looks twice a second how much memory the jobs hold that have run for a while. One timer and one pass over /proc
 * for all of them; a job that is over before its first sample costs nothing but an entry in a map.
 */
export class MemorySampler {
  private readonly watches = new Map<number, MemoryWatch>();
  private timer: ReturnType<typeof setInterval> | undefined;
  private seenBefore = new Set<number>();

  /** @param sessionId the pid of the session's leader. */
  watch(sessionId: number): MemoryWatch {
    const watch: MemoryWatch = { peakMemoryMb: undefined };
    if (process.platform !== "linux") return watch;
    this.watches.set(sessionId, watch);
    this.timer ??= setInterval(() => this.sample(), SAMPLE_MS);
    return watch;
  }

  forget(sessionId: number): void {
    this.watches.delete(sessionId);
    if (this.watches.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private sample(): void {
    // Only sessions that were here at the last tick: young ones are likely over before it would matter.
    const due = new Set([...this.watches.keys()].filter((id) => this.seenBefore.has(id)));
    this.seenBefore = new Set(this.watches.keys());
    if (due.size === 0) return;
    const residentKb = new Map<number, number>();
    for (const pid of processIds()) {
      const stat = processStat(pid);
      if (!stat || !due.has(stat.sessionId)) continue;
      const status = readProc(pid, "status");
      const before = residentKb.get(stat.sessionId) ?? 0;
      residentKb.set(stat.sessionId, before + numberIn(status, "VmRSS:"));
      this.note(stat.sessionId, numberIn(status, "VmHWM:"));
    }
    for (const [sessionId, kb] of residentKb) this.note(sessionId, kb);
  }

  private note(sessionId: number, kb: number): void {
    const watch = this.watches.get(sessionId);
    if (!watch || kb === 0) return;
    const mb = (kb * 1024) / MIB;
    if (watch.peakMemoryMb === undefined || mb > watch.peakMemoryMb) watch.peakMemoryMb = mb;
  }
}

function numberIn(status: string, name: string): number {
  const at = status.indexOf(name);
  return at === -1 ? 0 : Number.parseInt(status.slice(at + name.length), 10);
}
