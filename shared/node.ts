import { z } from "zod";
import { nodeAllow } from "./allow.ts";
import { artifact, storedTree } from "./artifact.ts";
import { executionEnd } from "./execution.ts";
import { placePath } from "./files/path-schema.ts";
import { artifactId, executionId, jobId, nodeId } from "./ids.ts";
import { jobType, pool, resources } from "./job-fields.ts";
import { labels, recordOf } from "./labels.ts";
import { limits } from "./limits.ts";
import { jobManifest } from "./manifest.ts";
import { timestamp } from "./timestamp.ts";
import { workflowRun } from "./workflow-run.ts";

export const nodeStatus = z.enum(["ACTIVE", "DRAINING", "SUSPENDED", "OFFLINE"]);
export type NodeStatus = z.infer<typeof nodeStatus>;

/** Capacity of a node. The jobs on a node never request more than this together. */
export const capacity = z.strictObject({
  /** Cores. */
  cpu: z.number().min(0),
  memoryMb: z.int().min(0),
  gpuCount: z.int().min(0),
  /** The most jobs that run at once. */
  slots: z.int().min(1).max(10_000),
});
export type Capacity = z.infer<typeof capacity>;

/** The limits the owner of a machine sets for each job. Without a limit, the machine's own applies. */
export const nodeCaps = z.strictObject({
  cpu: z.number().positive().optional(),
  memoryMb: z.int().positive().optional(),
  gpuCount: z.int().min(0).optional(),
  pids: z.int().positive().optional(),
  /** For people: "cgroup v2 at …", "cgroup v1 at …", "samples of the process tree". */
  enforcedBy: z.string().max(300),
});

/** An agent's announcement of its machine when it registers. */
export const nodeDescription = z.strictObject({
  name: z.string().min(1).max(200),
  labels: labels(),
  pool: pool(),
  capacity,
  /** The job types with a working executor that the owner allows; empty while no engine answers. */
  jobTypes: z.array(jobType),
  /** What the owner allows jobs to do; absent if the agent does not say. */
  allow: nodeAllow.optional(),
  /** The limits of every job on this node, and what enforces them; absent if the agent does not say. */
  caps: nodeCaps.optional(),
  agentVersion: z.string().max(64),
});
export type NodeDescription = z.infer<typeof nodeDescription>;

/** The header that names the agent's run in every call of a node, except its registration. */
export const RUN_HEADER = "x-agent-run";

/** The headers by which a run of an agent speaks for its node. */
export function nodeHeaders(nodeKey: string, runId: string): Record<string, string> {
  return { "x-api-key": nodeKey, [RUN_HEADER]: runId };
}

const digest = z.string().regex(/^[\w-]{1,128}$/, { error: "must be 1 to 128 letters, digits, _ and -" });

/** One run of an agent: a process, from its registration to its end. A node belongs to one run at a time. */
export const agentRun = z.strictObject({
  runId: z.uuid(),
  /** Identifies boot and directory. A lock there allows one run at a time, so a new run proves that the last has ended. */
  place: digest,
  /** Identifies the machine across boots. */
  machine: digest,
  /** For people: where to find it. */
  host: z.string().min(1).max(253),
  pid: z.int().positive(),
});
export type AgentRun = z.infer<typeof agentRun>;

/** The current condition of an agent; sent with every heartbeat and poll. */
export const nodeCondition = z.strictObject({
  /** It sleeps because it has no work; a matching job wakes it. */
  suspended: z.boolean().default(false),
  /** One sentence why it takes no new jobs, such as "only 90 MiB are free below ~/.tanvrit"; absent: it takes jobs. */
  refusing: z.string().min(1).max(500).optional(),
});
export type NodeCondition = z.infer<typeof nodeCondition>;

/** A node as the API shows it. */
export const node = nodeDescription.extend({
  nodeId,
  businessId: z.string(),
  status: nodeStatus,
  /** Why it takes no new jobs although it is online: the agent's report on the machine's health. */
  refusing: z.string().optional(),
  /** Executions running on it now or about to start, without those that wait there for a slot. */
  runningExecutions: z.int(),
  lastHeartbeatAt: timestamp,
  createdAt: timestamp,
  /** The person who registered it. */
  owner: z.string().optional(),
  /** The host the agent reports, and a digest that all agents of one machine share. */
  host: z.string().optional(),
  machine: z.string().optional(),
  /** Announced by the agent but not granted by a person: it does not count for jobs. */
  waitsForGrant: z
    .object({ pool: z.string().optional(), labels: labels().optional(), slots: z.int().optional() })
    .optional(),
  /** When it was deleted; it is kept for the history of its jobs. */
  deletedAt: timestamp.optional(),
});
export type Node = z.infer<typeof node>;

/** A job assigned to a node, with everything needed to run it. */
export const assignment = z.object({
  executionId,
  jobId,
  /** The user who submitted it; older servers do not send it. */
  userId: z.string().optional(),
  attempt: z.int().min(1),
  manifest: jobManifest,
  resources: resources(),
  /** The node's GPUs assigned to this job. */
  gpuIndexes: z.array(z.int()),
  /** The most output kept for this execution; absent: all of it. */
  maxLogBytes: z.int().positive().optional(),
  /** By the server's clock. An agent that cannot start the command before this must not start it at all. */
  leaseExpiresAt: timestamp,
});
export type Assignment = z.infer<typeof assignment>;

/** An artifact, or some files of it, and where they go. */
export const placedInput = z.object({
  /** A path below the job's directory; `.` is the directory itself. For an artifact that is one file: the file's new path. */
  to: placePath(),
  artifactId,
  type: artifact.shape.type,
  tree: storedTree,
  /** Only for the outputs of a job: only the paths that match. */
  glob: z.string().optional(),
  /** Only with `glob`: `to` replaces this beginning of a path. Absent: the whole path goes below `to`. */
  base: z.string().optional(),
  /** The field that asks for it, for messages: `inputs.0.from`. */
  field: z.string(),
});
export type PlacedInput = z.infer<typeof placedInput>;

/** What a job gets before its command starts, besides its manifest. Values are base64. */
export const jobInputs = z.object({
  /** Later ones replace files of earlier ones. */
  inputs: z.array(placedInput),
  /** The results of `envFrom`, without those that the manifest sets itself. */
  env: recordOf(z.string(), z.string()),
  secretEnv: recordOf(z.string(), z.base64()),
  /** By path below the job's directory. */
  secretFiles: recordOf(z.string(), z.base64()),
  /** Sentences for the job's log: results that cannot be variables. */
  notes: z.array(z.string()),
  /** Only for a GITHUB_ACTION job: its secrets by the name that the workflow uses. */
  workflowSecrets: recordOf(z.string(), z.base64()).optional(),
  /** Only if just the failed jobs of a workflow run again: the attempt before. */
  previousRun: workflowRun.optional(),
});
export type JobInputs = z.infer<typeof jobInputs>;

/** The server's orders to a node, sent with every answer to a heartbeat or a poll. */
export const nodeOrders = z.object({
  status: nodeStatus,
  /** Executions to end: TERM, grace, KILL, then report CANCELLED. */
  cancel: z.array(executionId),
  /** Executions that no longer belong to this node: end them immediately and report nothing. */
  abandon: z.array(executionId),
  /** The server's clock. */
  now: timestamp,
  /** The node's key is old: the agent should replace it. Only in the answer to a heartbeat. */
  rotateKey: z.literal(true).optional(),
  /** The server keeps a history of load: the next heartbeat may have `load`. Only in the answer to a heartbeat. */
  wantsLoad: z.literal(true).optional(),
});
export type NodeOrders = z.infer<typeof nodeOrders>;

/** The most executions, and the most samples of each, in one heartbeat. */
export const MAX_SAMPLED_EXECUTIONS = 1_000;
export const MAX_SAMPLES = 20;

const cores = z.number().min(0).max(1_000_000);
const mib = z.number().min(0).max(1e12);

/** What the machine does, and what its running executions use. */
export const nodeLoad = z.strictObject({
  /** Cores that were busy since the last heartbeat, on average. */
  cpu: cores,
  /** Memory in use. */
  memoryMb: mib,
  executions: z
    .array(
      z.strictObject({
        executionId,
        /** Oldest first: how many seconds ago it was, cores, and MiB. */
        samples: z.array(z.tuple([z.number().min(0).max(3_600), cores, mib])).max(MAX_SAMPLES),
      }),
    )
    .max(MAX_SAMPLED_EXECUTIONS),
});
export type NodeLoad = z.infer<typeof nodeLoad>;

/** The most jobs that a node may ask for ahead of free slots: for each of its slots, and in all. */
export const AHEAD_PER_SLOT = 2;
export const MAX_AHEAD = 64;

/**
 * A status change of an execution, reported by its node. A report may be repeated; it is applied once. RETURNED: the node has not
 * started it and never will. Only for servers that say `takesAhead`.
 */
export const executionReport = executionEnd.extend({
  executionId,
  status: z.enum(["RUNNING", "SUCCEEDED", "FAILED", "CANCELLED", "RETURNED"]),
  /** When it happened, by the agent's clock. */
  at: timestamp,
  results: executionEnd.shape.results.refine((results) => jsonBytes(results) <= limits.maxResultsBytes, {
    error: `at most ${limits.maxResultsBytes} bytes`,
  }),
  outputProblems: executionEnd.shape.outputProblems.refine(
    (problems) => jsonBytes(problems) <= limits.maxOutputProblemsBytes,
    { error: `at most ${limits.maxOutputProblemsBytes} bytes` },
  ),
});
export type ExecutionReport = z.infer<typeof executionReport>;

/** The bytes of a value as JSON; 0 if there is none. */
export function jsonBytes(value: object | undefined): number {
  return value === undefined ? 0 : Buffer.byteLength(JSON.stringify(value));
}

/** `applied`: the execution changed. `repeated`: the same report was applied before. `stale`: the execution is no longer current, and nothing changed. */
export const reportOutcome = z.enum(["applied", "repeated", "stale"]);
export type ReportOutcome = z.infer<typeof reportOutcome>;
