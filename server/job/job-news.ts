import { MAX_CHANGED_IDS } from "../../shared/activity.ts";
import type { Bus, BusMessages } from "../bus/bus.ts";
import type { DueTimes } from "../tasks/due-times.ts";
import { earliest } from "../tasks/periodic.ts";
import type { JobRecord } from "./job-record.ts";

/** A node that has room again because an execution on it ended. */
export type FreedNode = BusMessages["node"];

/** Counts what happens to jobs. None of its methods throws or takes long. */
export interface JobHistory {
  submitted(jobs: readonly JobRecord[]): void;
  /** Each job as it is after a change. */
  changed(jobs: readonly JobRecord[]): void;
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
    private readonly history?: JobHistory,
  ) {}

  /** Announces jobs that were just submitted. Nobody waits for them yet, but somebody may look at the list. */
  submitted(jobs: readonly JobRecord[]): void {
    this.history?.submitted(jobs);
    for (const [businessId, ofBusiness] of Map.groupBy(jobs, (job) => job.businessId)) {
      const ids = ofBusiness.slice(0, MAX_CHANGED_IDS + 1).map((job) => job.jobId);
      this.bus.publish("activity", { businessId, subject: "jobs", ids });
    }
    this.remindOf(jobs);
    this.wakeFor(jobs);
  }

  /** Announces jobs as they are after their change. */
  changed(jobs: readonly JobRecord[], freed: readonly FreedNode[] = []): void {
    this.history?.changed(jobs);
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
    const startMs = earliest(queued.map((job) => job.notBeforeMs));
    const expiryMs = earliest(queued.map((job) => job.queueDeadlineMs));
    if (startMs !== undefined) this.due.start(startMs);
    if (expiryMs !== undefined) this.due.expiry(expiryMs);
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
