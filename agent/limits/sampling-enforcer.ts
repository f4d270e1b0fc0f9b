import { linuxTable, processStat } from "../process/process-table.ts";
import { endAll, leftOf, send, withDescendants } from "../process/process-tree.ts";
import { JobSampler, type JobWatch } from "./job-sampler.ts";
import { type LimitEnforcement, type LimitEnforcer, type LimitHandle, toMib } from "./limit-enforcer.ts";
import type { ExceededLimit, TaskLimits, TaskSample, TaskUsage } from "./limits.ts";

/** Enforces limits by looking at the processes of jobs a few times a second. */
export class SamplingEnforcer implements LimitEnforcer {
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
  private watch: JobWatch | undefined;
  private hasKeeper = false;

  constructor(
    private readonly executionId: string,
    private readonly limits: TaskLimits,
    private readonly sampler: JobSampler,
  ) {}

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
    // The keeper's owner ends everything below it, and doing it here too would only interfere.
    if (seen.size === 0 || this.hasKeeper) return;
    if (process.platform !== "linux") {
      for (const pid of seen.keys()) send(pid, "SIGKILL");
      return;
    }
    await endAll((found) => {
      // The process with this id must still be the one that was seen.
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

  sample(): TaskSample | undefined {
    const { heldBytes, cpuSeconds = 0 } = this.watch ?? {};
    return heldBytes === undefined ? undefined : { cpuSeconds, memoryMb: toMib(heldBytes) };
  }

  async release(): Promise<void> {
    this.sampler.forget(this.executionId);
  }
}
