import type { Job } from "../../sdk/index.ts";
import { pool } from "../../shared/job-fields.ts";
import { isFinal } from "../../shared/job-state.ts";
import { formatUsd } from "../../shared/money.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJob, JOB_HELP } from "../connection/find-id.ts";
import { fileFields, pairsText } from "../files/file-fields.ts";
import { formatCommand, formatFields } from "../output/format.ts";
import { runTree } from "../output/run-tree.ts";
import { countsOf } from "./job-counts.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "JOB", help: JOB_HELP }],
  examples: [{ line: "job get $id --json", does: "Everything that is known about it" }],
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const { jobs } = compute;
    const jobId = await findJob(compute, positionals[0] ?? "", output);
    const job = await jobs.retrieve(jobId, patience(output));
    if (options.json) {
      await output.json(job);
      return 0;
    }
    await output.painted(formatFields(describe(job), output.resultLook));
    if (job.workflowRun) {
      await output.result("");
      await output.painted(runTree(job.workflowRun, isFinal(job.status), output.resultLook));
    }
    return 0;
  },
});

const DEFAULT_POOL = pool().parse(undefined);

const HOLDS = {
  after: "other jobs",
  group: "its concurrency group",
  array: "the jobs of the array",
} as const;

/** What a person wants to see first comes first; unset and empty fields are left out. */
function describe(job: Job): Record<string, unknown> {
  const { status, unschedulableReason, exitCode, signal, reason, message } = job;
  const { cpu, memoryMb, gpuCount } = job.resources;
  return {
    jobId: job.jobId,
    name: job.name,
    status,
    waitsFor: job.hold && HOLDS[job.hold],
    after: job.hold === "after" ? job.after?.map(({ jobId, on }) => `${jobId}:${on}`).join(", ") : undefined,
    concurrencyGroup: job.concurrency && `${job.concurrency.group} (${job.concurrency.limit} at once)`,
    array: job.array,
    arrayId: job.arrayId,
    jobs: countsOf(job),
    unschedulableReason,
    exitCode,
    signal,
    reason,
    message,
    type: job.type,
    image: job.image,
    ...workflowOf(job),
    command: job.workflow ? undefined : formatCommand(job.command),
    workdir: job.workdir,
    pool: job.pool === DEFAULT_POOL ? undefined : job.pool,
    labels: pairsText(job.labels),
    selector: job.selector,
    cpu: cpu || undefined,
    memoryMb: memoryMb || undefined,
    gpuCount: gpuCount || undefined,
    // Only names: the values of variables are often secrets, and others often see a terminal.
    env: Object.keys(job.env).join(", ") || undefined,
    ...fileFields(job),
    timeoutSeconds: job.timeoutSeconds,
    priority: job.priority || undefined,
    // An array never runs; only its jobs do.
    attempt: job.array === undefined ? job.attempt : undefined,
    retries: job.maxRetries > 0 ? `${job.retryCount} of ${job.maxRetries}` : undefined,
    apiKeyId: job.apiKeyId,
    executionId: job.executionId,
    nodeId: job.nodeId,
    cpuSeconds: job.cpuSeconds,
    peakMemoryMb: job.peakMemoryMb,
    ...outcomeOf(job),
    cost: job.costMicroUsd === undefined ? undefined : formatUsd(job.costMicroUsd),
    createdAt: job.createdAt,
    notBefore: job.notBefore,
    startedAt: job.startedAt,
    cancelRequestedAt: job.cancelRequestedAt,
    finishedAt: job.finishedAt,
  };
}

function workflowOf({ workflow, workflowRun }: Job): Record<string, unknown> {
  if (!workflow) return {};
  const { path, event, clone, jobs, secrets } = workflow;
  return {
    workflow: `${path} (${event})`,
    repository: workflow.repository ?? clone?.url,
    ref: workflow.ref ?? clone?.ref,
    onlyJobs: jobs?.join(", "),
    workflowSecrets: secrets && pairsText(secrets),
    runName: workflowRun?.name,
    keptDirectory: workflowRun?.keptDirectory,
  };
}

/** What the job left: its results and outputs. */
function outcomeOf({ results = {}, artifactId, outputProblems = [] }: Job): Record<string, unknown> {
  return {
    ...Object.fromEntries(Object.entries(results).map(([name, value]) => [`results.${name}`, value])),
    artifactId,
    ...Object.fromEntries(
      outputProblems.map(({ path, message }, i) => [`outputProblems.${i}`, `${path}: ${message}`]),
    ),
  };
}
