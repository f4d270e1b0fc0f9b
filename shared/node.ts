import { z } from "zod";
import { nodeAllow } from "./allow.ts";
import { executionEnd, timestamp } from "./execution.ts";
import { executionId, jobId, nodeId } from "./ids.ts";
import { labels } from "./labels.ts";
import { jobManifest, jobType, pool, resources } from "./manifest.ts";

export const nodeStatus = z.enum(["ACTIVE", "DRAINING", "SUSPENDED", "OFFLINE"]);
export type NodeStatus = z.infer<typeof nodeStatus>;

/** What a node has to give. The jobs on a node never ask together for more. */
export const capacity = z.strictObject({
  /** Cores. */
  cpu: z.number().min(0),
  memoryMb: z.int().min(0),
  gpuCount: z.int().min(0),
  /** How many jobs may run at once. */
  slots: z.int().min(1).max(10_000),
});
export type Capacity = z.infer<typeof capacity>;

/** What the owner of a machine lets each job have of it. A limit that is absent is the machine's own. */
export const nodeCaps = z.strictObject({
  cpu: z.number().positive().optional(),
  memoryMb: z.int().positive().optional(),
  gpuCount: z.int().min(0).optional(),
  pids: z.int().positive().optional(),
  /** For people: "cgroup v2 at …", "cgroup v1 at …", "samples of the process tree". */
  enforcedBy: z.string().max(300),
});

/** What an agent announces of its machine when it registers. */
export const nodeDescription = z.strictObject({
  name: z.string().min(1).max(200),
  labels,
  pool,
  capacity,
  /** The job types it has a working executor for and its owner allows; none where no engine answers, as a rule for a while. */
  jobTypes: z.array(jobType),
  /** What its owner lets jobs do; absent where the agent does not say. */
  allow: nodeAllow.optional(),
  /** What every job is held to on this node, and by what; absent where the agent does not say. */
  caps: nodeCaps.optional(),
  agentVersion: z.string().max(64),
});
export type NodeDescription = z.infer<typeof nodeDescription>;

/** The header by which every call of a node but its registration names the run of the agent that speaks. */
export const RUN_HEADER = "x-agent-run";

const digest = z.string().regex(/^[\w-]{1,128}$/, { error: "must be 1 to 128 letters, digits, _ and -" });

/** One run of an agent: a process, from its registration to its end. A node is one run at a time. */
export const agentRun = z.strictObject({
  runId: z.uuid(),
  /** Stands for boot and directory: there a lock keeps two runs apart, so that a new one proves the end of the last. */
  place: digest,
  /** Stands for the machine, however often it boots. */
  machine: digest,
  /** For people who look for it. */
  host: z.string().min(1).max(253),
  pid: z.int().positive(),
});
export type AgentRun = z.infer<typeof agentRun>;

/** How an agent is at the moment; sent with every sign of life. */
export const nodeCondition = z.strictObject({
  /** It sleeps because nothing was to do; a job that matches wakes it. */
  suspended: z.boolean().default(false),
  /** One sentence why it takes no new job, as "only 90 MiB are free below ~/.tanvrit"; absent: it does. */
  refusing: z.string().min(1).max(500).optional(),
});
export type NodeCondition = z.infer<typeof nodeCondition>;

/** A node as the API shows it. */
export const node = nodeDescription.extend({
  nodeId,
  businessId: z.string(),
  status: nodeStatus,
  /** Why it takes no new job though it is there: what its agent says of the machine's health. */
  refusing: z.string().optional(),
  /** Executions assigned to it or running on it now. */
  runningExecutions: z.int(),
  lastHeartbeatAt: timestamp,
  createdAt: timestamp,
  /** The person who registered it. */
  owner: z.string().optional(),
  /** Which host its agent says it is on, and a digest that agents of one machine have in common. */
  host: z.string().optional(),
  machine: z.string().optional(),
  /** What its agent announces and a person has not granted: jobs do not see it. */
  waitsForGrant: z
    .object({ pool: z.string().optional(), labels: labels.optional(), slots: z.int().optional() })
    .optional(),
  /** When it was deleted; it is kept for the history of its jobs. */
  deletedAt: timestamp.optional(),
});
export type Node = z.infer<typeof node>;

/** One job handed to a node: everything it needs to run it. */
export const assignment = z.object({
  executionId,
  jobId,
  /** Who submitted it; a server of an earlier version does not say. */
  userId: z.string().optional(),
  attempt: z.int().min(1),
  manifest: jobManifest,
  resources,
  /** Which of the node's GPUs are this job's. */
  gpuIndexes: z.array(z.int()),
  /** The most output that is kept of this execution; absent: all of it. */
  maxLogBytes: z.int().positive().optional(),
  /** The server's clock: an agent that cannot start the command before this must not start it at all. */
  leaseExpiresAt: timestamp,
});
export type Assignment = z.infer<typeof assignment>;

/** What the server wants of a node, sent with every answer to a heartbeat and a poll. */
export const nodeOrders = z.object({
  status: nodeStatus,
  /** Executions to end: TERM, grace, KILL, then report CANCELLED. */
  cancel: z.array(executionId),
  /** Executions that are no longer this node's: end them at once and report nothing. */
  abandon: z.array(executionId),
  /** The server's clock. */
  now: timestamp,
});
export type NodeOrders = z.infer<typeof nodeOrders>;

/** A step in the life of an execution, reported by its node. A report may be sent again; it is applied once. */
export const executionReport = executionEnd.extend({
  executionId,
  status: z.enum(["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED"]),
  /** When it happened, by the agent's clock. */
  at: timestamp,
});
export type ExecutionReport = z.infer<typeof executionReport>;

/** `applied`: it changed the execution. `repeated`: the same was applied before. `stale`: the execution is no longer current, nothing changed. */
export const reportOutcome = z.enum(["applied", "repeated", "stale"]);
export type ReportOutcome = z.infer<typeof reportOutcome>;
