import type { Compute, Job } from "../../sdk/index.ts";
import type { Env } from "../../shared/config/home.ts";
import { NODE_NAME_LABEL } from "../../shared/labels.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { connect } from "../connection/connect.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { InputSender } from "../files/send-inputs.ts";
import { dropSecrets } from "../files/workflow-secrets.ts";
import { submitManifest } from "../job/submit-manifest.ts";
import type { Output } from "../output/output.ts";
import { planRuns } from "./draft/planned-runs.ts";
import type { RequestValues } from "./draft/request-options.ts";
import type { RunWishes } from "./draft/wishes.ts";
import { workflowParts } from "./draft/workflow-parts.ts";
import { followRuns } from "./follow-runs.ts";
import type { PlaceValues } from "./run-options.ts";

type Values = RequestValues & PlaceValues & { json: boolean; workspace?: string; url?: string };

/** Submits a job for each of the workflows at a path and follows them together. Resolves with the exit code. */
export async function runOnNodes(
  path: string,
  wishes: RunWishes,
  options: Values,
  env: Env,
  output: Output,
): Promise<number> {
  const { runs, source } = await planRuns(path, wishes, options);
  const job = jobFieldsOf(options);
  const compute = await connect(env, options);
  const sender = new InputSender(compute, options, output);
  const jobs: Job[] = [];
  for (const run of runs) {
    const { workflow, name, labels, inputs } = workflowParts(run, source, options["action-store"]);
    const manifest = {
      name,
      ...job,
      type: "GITHUB_ACTION" as const,
      workflow,
      labels: { ...labels, ...job.labels },
    };
    const draft = { manifest, inputs, envFrom: undefined, secrets: wishes.secrets };
    jobs.push(await submitted(compute, await sender.complete(draft), wishes.secrets, output));
  }
  if (options.detach) {
    for (const one of jobs) await (options.json ? output.json(one) : output.result(one.jobId));
    return exitCodes.ok;
  }
  const code = await followRuns(compute, jobs, options, output);
  // Whatever failed may be retried, and needs its secrets then.
  if (code === exitCodes.ok) for (const one of jobs) await dropSecrets(compute, one, wishes.secrets, output);
  return code;
}

async function submitted(
  compute: Compute,
  manifest: JobManifestInput,
  secrets: Readonly<Record<string, string>>,
  output: Output,
): Promise<Job> {
  try {
    return await submitManifest(compute, manifest, {}, output);
  } catch (error) {
    await dropSecrets(compute, manifest, secrets, output);
    throw error;
  }
}

function jobFieldsOf(options: Values): Omit<JobManifestInput, "type" | "workflow" | "inputs"> {
  const { name, pool, cpu, memory, gpus, timeout, priority, label, node } = options;
  const resources = { cpu, memoryMb: memory, gpuCount: gpus };
  const labels = { ...label, ...(node !== undefined && { [NODE_NAME_LABEL]: node }) };
  return { ...(name !== undefined && { name }), pool, resources, timeoutSeconds: timeout, priority, labels };
}
