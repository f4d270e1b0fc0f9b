import { newId } from "../../shared/ids.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import type { NodeDescription } from "../../shared/node.ts";
import type { Assigned } from "../execution/execution-store.ts";
import type { ExecutionRecord, JobRecord } from "../job/job-record.ts";
import { CLAIMABLE, type ExecutionRow, type JobRow, jobFromRow, updateJob } from "../job/job-rows.sqlite.ts";
import { type Requirement, requirementOf, userOfQueue } from "../job/requirement.ts";
import { descriptions, SPEAKS, speakerBindings, TAKES_WORK } from "../node/node-store.sqlite.ts";
import { RecentMap } from "../runtime/recent-map.ts";
import type { SqliteStore } from "../store/sqlite.ts";
import type { AssignRequest, AssignStore } from "./assign-store.ts";
import { assignmentOf } from "./assignment.ts";
import { mismatch, pickGpus, usageOf } from "./matching.ts";
import { bestAhead, bestThatFits, type Head, type QueueHeads, Shares } from "./picking.ts";

/** A request whose node takes work, with what it gets. */
interface Order {
  request: AssignRequest;
  description: NodeDescription;
  assigned: Assigned[];
}

/** The queues of a business that have claimable jobs, and what their users have running. */
interface Waiting {
  queues: readonly QueueHeads[];
  shares: Shares;
}

const MAX_CACHED_REQUIREMENTS = 10_000;
const HEADS_PER_READ = 64;

export class SqliteAssignStore implements AssignStore {
  /** A queue key always stands for the same requirement, so an entry never goes stale. */
  private readonly requirements = new RecentMap<Requirement>(MAX_CACHED_REQUIREMENTS);

  constructor(private readonly store: SqliteStore) {}

  async assign(requests: readonly AssignRequest[]): Promise<Assigned[][]> {
    const asking = new Set(requests.map((request) => request.businessId));
    if (![...asking].some((businessId) => this.nextQueueKey(businessId, "") !== undefined))
      return requests.map(() => []);
    return this.store.write(() => {
      const orders = requests.map((request) => this.orderOf(request));
      const businesses = new Set(orders.flatMap((order) => order?.request.businessId ?? []));
      const waiting = new Map([...businesses].map((businessId) => [businessId, this.waiting(businessId)]));
      const fill = (order: Order | undefined, ahead: number) => {
        const found = order && waiting.get(order.request.businessId);
        if (found) this.fill(order, found, ahead);
      };
      for (const order of orders) fill(order, 0);
      for (const order of orders) {
        const { ahead = 0 } = order?.request ?? {};
        if (ahead > 0) fill(order, ahead);
      }
      return orders.map((order) => order?.assigned ?? []);
    });
  }

  async releaseOrphans(): Promise<[]> {
    return [];
  }

  async claimableRequirements(businessId: string): Promise<Requirement[]> {
    return this.claimable(businessId).map((queue) => queue.requirement);
  }

  async countAhead({ businessId, jobId, manifest }: JobRecord, maxCount: number): Promise<number> {
    const { pool, priority } = manifest;
    let ahead = 0;
    for (const { key, requirement } of this.claimable(businessId)) {
      if (requirement.pool !== pool) continue;
      for (const comesFirst of ["priority > $priority", "priority = $priority AND job_id < $jobId"]) {
        if (ahead >= maxCount) return maxCount;
        const sql = `SELECT count(*) AS n FROM (
          SELECT 1 FROM compute_jobs WHERE business_id = $businessId AND queue_key = $key AND ${comesFirst}
            AND ${CLAIMABLE} LIMIT $limit)`;
        const bindings = { businessId, key, priority, limit: maxCount - ahead };
        const named = comesFirst.includes("$jobId") ? { ...bindings, jobId } : bindings;
        ahead += this.store.get<{ n: number }>(sql, named)?.n ?? 0;
      }
    }
    return ahead;
  }

  /** undefined: the node takes no work, or the caller does not speak for it. */
  private orderOf(request: AssignRequest): Order | undefined {
    const { nodeId, businessId, by } = request;
    const isSpeaker = by ? `AND ${SPEAKS}` : "";
    const node = this.store.get<{ description: string }>(
      `SELECT description FROM compute_nodes
       WHERE node_id = $nodeId AND business_id = $businessId AND ${TAKES_WORK} ${isSpeaker}`,
      { nodeId, businessId, ...(by && speakerBindings(by)) },
    );
    return node && { request, description: descriptions.parse(node.description), assigned: [] };
  }

  private waiting(businessId: string): Waiting {
    const queues = this.claimable(businessId).map((queue) => ({ ...queue, heads: [] }));
    return { queues, shares: this.sharesOf(businessId, queues) };
  }

  /** Claims jobs for the order while the node has a free slot, or less than `ahead` jobs more than slots. */
  private fill({ request, description, assigned }: Order, { queues, shares }: Waiting, ahead: number): void {
    const able = queues.filter(({ requirement }) => mismatch(requirement, description) === undefined);
    if (able.length === 0) return;
    const { slots } = description.capacity;
    const taker = { nodeId: request.nodeId, description, nowMs: request.nowMs };
    const held = this.heldBy(request.nodeId);
    let usage = usageOf(held);
    while (assigned.length < request.limit && usage.slots < slots + ahead) {
      const wanted = Math.min(request.limit - assigned.length, slots + ahead - usage.slots);
      const refill = ({ key }: QueueHeads) => this.readHeads(request.businessId, key, wanted);
      const queue =
        ahead === 0
          ? bestThatFits(able, taker, usage, shares, refill)
          : bestAhead(able, taker, ahead, usage, shares, refill);
      const head = queue?.heads.shift();
      if (!queue || !head) break;
      const gpuIndexes = pickGpus(queue.requirement.resources.gpuCount, description.capacity, usage);
      const { job, execution } = this.claim(request, head.jobId, gpuIndexes);
      held.push(execution);
      shares.took(job.userId);
      usage = usageOf(held);
      assigned.push({ job, execution });
    }
  }

  /** The queues that have claimable jobs. Walks from key to key in the index, so the cost does not grow with the jobs. */
  private claimable(businessId: string): { key: string; requirement: Requirement }[] {
    const queues: { key: string; requirement: Requirement }[] = [];
    let key = this.nextQueueKey(businessId, "");
    while (key !== undefined) {
      queues.push({ key, requirement: this.requirementOf(businessId, key) });
      key = this.nextQueueKey(businessId, key);
    }
    return queues;
  }

  private nextQueueKey(businessId: string, after: string): string | undefined {
    return this.store.get<{ queue_key: string }>(
      `SELECT queue_key FROM compute_jobs
       WHERE business_id = +$businessId AND queue_key > +$after AND ${CLAIMABLE}
       ORDER BY queue_key LIMIT 1`,
      { businessId, after },
    )?.queue_key;
  }

  private heldBy(nodeId: string): Pick<ExecutionRecord, "resources" | "gpuIndexes">[] {
    return this.store
      .all<Pick<ExecutionRow, "resources" | "gpu_indexes">>(
        "SELECT resources, gpu_indexes FROM compute_executions WHERE node_id = $nodeId AND status IN ('ASSIGNED', 'RUNNING')",
        { nodeId },
      )
      .map((row) => ({ resources: JSON.parse(row.resources), gpuIndexes: JSON.parse(row.gpu_indexes) }));
  }

  /** What the users of these queues have running. If only one user's jobs wait, there is nothing to compare or count. */
  private sharesOf(businessId: string, queues: readonly QueueHeads[]): Shares {
    const users = new Set(queues.map((queue) => userOfQueue(queue.key)));
    const live = new Map<string, number>();
    for (const userId of users.size > 1 ? users : []) {
      const row = this.store.get<{ live: number }>(
        `SELECT count(*) AS live FROM compute_executions
         WHERE business_id = $businessId AND user_id = $userId AND status IN ('ASSIGNED', 'RUNNING')`,
        { businessId, userId },
      );
      live.set(userId, row?.live ?? 0);
    }
    return new Shares(live);
  }

  private requirementOf(businessId: string, queueKey: string): Requirement {
    const known = this.requirements.get(queueKey);
    if (known) return known;
    const row = this.store.get<{ manifest: string }>(
      `SELECT manifest FROM compute_jobs
       WHERE business_id = $businessId AND queue_key = $queueKey AND ${CLAIMABLE} LIMIT 1`,
      { businessId, queueKey },
    );
    const requirement = requirementOf(
      JSON.parse(row?.manifest ?? "{}") as JobManifest,
      userOfQueue(queueKey),
    );
    this.requirements.set(queueKey, requirement);
    return requirement;
  }

  /** Reads no more heads than are wanted: every queue is read, and most give only one or two. */
  private readHeads(businessId: string, queueKey: string, wanted: number) {
    return this.store.all<Head>(
      `SELECT job_id AS jobId, priority FROM compute_jobs
       WHERE business_id = +$businessId AND queue_key = +$queueKey AND ${CLAIMABLE}
       ORDER BY priority DESC, job_id LIMIT +$limit`,
      { businessId, queueKey, limit: Math.min(HEADS_PER_READ, wanted) },
    );
  }

  private claim(request: AssignRequest, jobId: string, gpuIndexes: number[]): Assigned {
    const row = this.store.get<JobRow>("SELECT * FROM compute_jobs WHERE job_id = $jobId", { jobId });
    if (row?.status !== "QUEUED") throw new Error(`Job ${jobId} left its queue inside a transaction`);
    const queued = jobFromRow(row);
    const { job, execution } = assignmentOf(request, queued, { executionId: newId("exe"), gpuIndexes });
    this.insertExecution(execution);
    updateJob(this.store, job);
    return { job, execution };
  }

  private insertExecution(execution: ExecutionRecord): void {
    this.store.run(
      `INSERT INTO compute_executions (execution_id, job_id, business_id, user_id, node_id, attempt, status, resources,
         gpu_indexes, lease_expires_at, assigned_at)
       VALUES ($executionId, $jobId, $businessId, $userId, $nodeId, $attempt, $status, $resources, $gpuIndexes,
         $leaseExpiresAt, $assignedAt)`,
      {
        executionId: execution.executionId,
        jobId: execution.jobId,
        businessId: execution.businessId,
        userId: execution.userId,
        nodeId: execution.nodeId,
        attempt: execution.attempt,
        status: execution.status,
        resources: JSON.stringify(execution.resources),
        gpuIndexes: JSON.stringify(execution.gpuIndexes),
        leaseExpiresAt: execution.leaseExpiresAtMs,
        assignedAt: execution.assignedAtMs,
      },
    );
  }
}
