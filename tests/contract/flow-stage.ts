import { MemoryBus } from "../../server/bus/memory-bus.ts";
import { giveUp } from "../../server/execution/rules.ts";
import { JobFlow } from "../../server/job/job-flow.ts";
import { JobNews } from "../../server/job/job-news.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import { JobService } from "../../server/job/job-service.ts";
import { JobWatch } from "../../server/job/job-watch.ts";
import { ManualRetry } from "../../server/job/manual-retry.ts";
import { ManyJobs, type RetryPlace } from "../../server/job/many-jobs.ts";
import { newId } from "../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import { nodeOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

export const AT_MS = Date.parse("2026-01-01T00:00:00Z");

const due = { start: () => undefined, expiry: () => undefined };
const onError = (_: string, error: unknown) => {
  throw error;
};

export type Taken = Awaited<ReturnType<FlowStage["take"]>>;

/** A business with one large node. Jobs are submitted, taken and ended as users and nodes do. */
export class FlowStage {
  readonly by = { businessId: newId("biz"), userId: "usr" };
  readonly flow: JobFlow;
  readonly service: JobService;
  readonly many: ManyJobs;
  /** Whether no node could run the job. */
  isStuck = ({ manifest }: JobRecord) => manifest.labels.disk !== undefined;
  private readonly node = nodeOf(this.by.businessId);

  private constructor(readonly stores: ControlPlaneStores) {
    const bus = new MemoryBus();
    const parts = { jobs: stores.jobs, news: new JobNews(bus, due), now: () => AT_MS };
    const canStart = async () => (job: JobRecord) => !this.isStuck(job);
    this.flow = new JobFlow({ ...parts, flow: stores.flow, onError, canStart });
    const jobParts = {
      ...parts,
      flow: this.flow,
      retries: new ManualRetry({ ...parts, flow: stores.flow }, this.flow),
    };
    this.service = new JobService(jobParts, new JobWatch(bus));
    this.many = new ManyJobs(jobParts);
  }

  static async open(stores: ControlPlaneStores): Promise<FlowStage> {
    const stage = new FlowStage(stores);
    await stores.nodes.insert(stage.node);
    return stage;
  }

  submit(manifest: Partial<JobManifestInput> = {}, key?: string): Promise<JobRecord> {
    return this.service.submit(this.by, jobManifest.parse({ command: "true", ...manifest }), key);
  }

  async find(jobId: string): Promise<JobRecord> {
    return (await this.stores.jobs.find(this.by.businessId, jobId)) as JobRecord;
  }

  /** `STATUS`, `STATUS:gate` or `CANCELLED:reason` for each job. */
  async statuses(...jobs: readonly JobRecord[]): Promise<string[]> {
    const found = await Promise.all(jobs.map((job) => this.find(job.jobId)));
    return found.map(({ status, gate, end }) => {
      const more = gate ?? (status === "CANCELLED" ? end?.reason : undefined);
      return more === undefined ? status : `${status}:${more}`;
    });
  }

  async take(limit = 100) {
    const request = {
      nodeId: this.node.nodeId,
      businessId: this.by.businessId,
      limit,
      nowMs: AT_MS,
      leaseExpiresAtMs: AT_MS,
    };
    const [assigned = []] = await this.stores.assignments.assign([request]);
    return assigned;
  }

  /** Takes all jobs that the node can get. Throws unless they are exactly these. */
  async takeJust(...jobs: readonly Pick<JobRecord, "jobId">[]): Promise<Taken> {
    const taken = await this.take();
    const ids = (some: readonly { jobId: string }[]) => some.map((job) => job.jobId).sort();
    const got = ids(taken.map(({ job }) => job));
    const wanted = ids(jobs);
    if (got.join() !== wanted.join()) throw new Error(`handed out: ${got}; expected: ${wanted}`);
    return taken;
  }

  /** Ends what `take` has returned, as a node would. */
  async end(assigned: Taken, outcome: "SUCCESS" | "FAILED"): Promise<void> {
    const jobs = await this.stores.jobs.change(
      assigned.map(({ execution }) => ({
        key: { executionId: execution.executionId, nodeId: this.node.nodeId },
        decide: (state) => {
          if (outcome === "FAILED") return giveUp(state, "NodeLost", "lost", AT_MS);
          if (!state?.execution) return { result: undefined };
          const job: JobRecord = { ...state.job, status: "SUCCESS", finishedAtMs: AT_MS };
          return { job, execution: { ...state.execution, status: "SUCCEEDED" as const }, result: job };
        },
      })),
    );
    await this.flow.changed(jobs);
  }

  retry(job: Pick<JobRecord, "jobId">, withDependents = false) {
    return this.service.retry(this.by, job.jobId, { withDependents });
  }

  /** Retries jobs by a filter, in requests of `limit` jobs. Resolves with the sums of their counts. */
  async retryMany(where: { name?: string; status?: JobRecord["status"][] }, limit = 1_000) {
    const { businessId } = this.by;
    const query = { businessId, status: where.status, name: where.name, labels: undefined, limit };
    const sum = { matched: 0, changed: 0, left: 0, skippedDependents: 0 };
    let place: RetryPlace | undefined;
    do {
      const { next, ...counts } = await this.many.retry(query, place);
      for (const key of Object.keys(sum) as (keyof typeof sum)[]) sum[key] += counts[key];
      place = next;
    } while (place);
    return sum;
  }
}
