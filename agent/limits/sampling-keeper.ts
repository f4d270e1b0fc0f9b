import { linuxTable, processStat } from "../process/process-table.ts";
import { endAll, leftOf, send, withDescendants } from "../process/process-tree.ts";
import { JobSampler, type JobWatch } from "./job-sampler.ts";
import { type LimitEnforcement, type LimitHandle, type LimitKeeper, toMib } from "./limit-keeper.ts";
import type { ExceededLimit, TaskLimits, TaskUsage } from "./limits.ts";

/** Holds jobs to their limits by looking at their processes a few times a second. */
export class SamplingKeeper implements LimitKeeper {
  readonly enforcement: LimitEnforcement;
  private readonly sampler = new JobSampler();

  constructor(platform: NodeJS.Platform = process.platform) {
    const kept = platform === "linux" || platform === "darwin" ? "sampling" : "none";
    const enforcedBy = kept === "none" ? "nothing" : "samples of the process tree";
    this.enforcement = { cpu: kept, memory: kept, pids: kept, enforcedBy };
  }

  limit(executionId: string, limits: TaskLimits): SamplingHandle {
    return new SamplingHandle(executionId, limits, this.sampler);
  }

  async recover(executionIds: readonly string[]): Promise<void> {
    if (executionIds.length === 0 || process.platform !== "linux") return;
    const ids = new Set(executionIds);
    await endAll((found) => leftOf(ids).forEach(found));
  }
}

export class SamplingHandle implements LimitHandle {
  private readonly executionId: string;
  private readonly limits: TaskLimits;
  private readonly sampler: JobSampler;
  private watch: JobWatch | undefined;
  private hasKeeper = false;

  constructor(executionId: string, limits: TaskLimits, sampler: JobSampler) {
    this.executionId = executionId;
    this.limits = limits;
    this.sampler = sampler;
  }

  readonly groups: readonly string[] = [];

  entrance(): undefined {
    return undefined;
  }

  begin(leaderPid: number, onExceeded: () => void, keeperPid?: number): void {
    if (process.platform === "win32") return;
    const { executionId, limits } = this;
    this.hasKeeper = keeperPid !== undefined;
    this.watch = this.sampler.watch({ executionId, leaderPid, keeperPid, limits, onExceeded });
  }

  members(): number[] {
    return [...(this.watch?.seen.keys() ?? [])];
  }

  async end(): Promise<void> {
    this.sampler.forget(this.executionId);
    const seen = new Map(this.watch?.seen);
    // What is below a keeper is ended by that, and this would only come between.
    if (seen.size === 0 || this.hasKeeper) return;
    if (process.platform !== "linux") {
      for (const pid of seen.keys()) send(pid, "SIGKILL");
      return;
    }
    await endAll((found) => {
      // Whoever has the number now must be the one who was seen.
      const roots = [...seen].filter(([pid, startTicks]) => processStat(pid)?.startTicks === startTicks);
      if (roots.length > 0) withDescendants(linuxTable(), new Set(roots.map(([pid]) => pid))).forEach(found);
    });
  }

  exceeded(): ExceededLimit | undefined {
    return this.watch?.exceeded;
  }

  refusedStarts(): number {
    return 0;
  }

  usage(): TaskUsage {
    const { peakBytes = 0, cpuSeconds = 0 } = this.watch ?? {};
    return {
      ...(peakBytes > 0 && { peakMemoryMb: toMib(peakBytes) }),
      ...(cpuSeconds > 0 && { cpuSeconds }),
    };
  }

  async release(): Promise<void> {
    this.sampler.forget(this.executionId);
  }
}
