import type { Bus } from "../bus/bus.ts";
import type { DueTimes } from "../tasks/due-times.ts";
import type { JobRecord } from "./job-record.ts";

export interface NodeKey {
  nodeId: string;
  businessId: string;
}

/**
 * Announces jobs once a change of them is on disk: to those who wait for them, to the nodes that run them, to the tasks
 * that must act at their times, and to the dispatcher. Any message may be lost; periodic looks at the store make up for
 * it. What follows for other jobs is decided in `JobFlow.changed`.
 */
export class JobNews {
  constructor(
    private readonly bus: Bus,
    private readonly due: DueTimes,
  ) {}

  /** Announces jobs that were just submitted. Nobody waits for them yet. */
  submitted(jobs: readonly JobRecord[]): void {
    this.remindOf(jobs);
    this.wakeFor(jobs);
  }

  /**
   * Announces jobs as they are after their change.
   * @param freed nodes that have room again because executions on them ended.
   */
  changed(jobs: readonly JobRecord[], freed: readonly NodeKey[] = []): void {
    for (const [businessId, ofBusiness] of Map.groupBy(jobs, (job) => job.businessId)) {
      this.bus.publish("jobs", { businessId, jobIds: ofBusiness.map((job) => job.jobId) });
      const toStop = ofBusiness.flatMap((job) => (job.cancelRequestedAtMs !== undefined && job.nodeId) || []);
      for (const nodeId of new Set(toStop)) this.bus.publish("node", { nodeId, businessId });
    }
    const freedNodes = new Map(freed.map(({ nodeId, businessId }) => [nodeId, { nodeId, businessId }]));
    for (const node of freedNodes.values()) this.bus.publish("wake", node);
    this.remindOf(jobs);
    this.wakeFor(jobs);
  }

  /** Tells the tasks the earliest times. A task looks for everything that is due, so it needs no others. */
  private remindOf(jobs: readonly JobRecord[]): void {
    const queued = jobs.filter((job) => job.status === "QUEUED");
    const startsMs = queued.flatMap((job) => job.notBeforeMs ?? []);
    const endsMs = queued.flatMap((job) => job.queueDeadlineMs ?? []);
    if (startsMs.length > 0) this.due.start(earliest(startsMs));
    if (endsMs.length > 0) this.due.expiry(earliest(endsMs));
  }

  private wakeFor(jobs: readonly JobRecord[]): void {
    const claimable = jobs.filter(
      (job) => job.status === "QUEUED" && job.gate === undefined && job.notBeforeMs === undefined,
    );
    for (const businessId of new Set(claimable.map((job) => job.businessId))) {
      this.bus.publish("wake", { businessId });
    }
  }
}

/** Not `Math.min(...timesMs)`, because a spread fails on a hundred thousand arguments. */
function earliest(timesMs: readonly number[]): number {
  return timesMs.reduce((least, atMs) => Math.min(least, atMs));
}
