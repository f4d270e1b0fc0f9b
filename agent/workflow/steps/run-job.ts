import { chmodSync, mkdirSync, rmSync } from "node:fs";
import { textOf } from "../../../shared/text-of.ts";
import { withGivenUmask } from "../../../shared/umask.ts";
import { evaluateTexts, toData } from "../expressions/evaluate.ts";
import type { JobContainers, JobOutcome, RunJob } from "../job.ts";
import { reportEnvironment } from "./environment.ts";
import { JobRun } from "./job-run.ts";
import { NoHost } from "./no-host.ts";
import { runStep } from "./run-step.ts";
import type { StepPlan } from "./step-plan.ts";
import { StepPlans } from "./step-plans.ts";

/** Runs one job from "Set up job" to "Complete job", in the order of GitHub's runner. */
export const runJob: RunJob = (plan, services, cancel) => {
  const job = new JobRun(plan, services);
  for (const value of plan.secretValues) services.report.mask(value);
  return job.within(cancel, async () => {
    const plans = new StepPlans(job);
    if (await setUp(job, plans)) await runAll(job, plans);
    return await complete(job);
  });
};

async function setUp(job: JobRun, plans: StepPlans): Promise<boolean> {
  const number = job.begin("Set up job", "setup");
  try {
    makeDirectories(job);
    evaluateEnv(job);
    await job.services.actions.setUp(job);
    await plans.prepare();
  } catch (error) {
    if (!job.cancel.aborted) {
      job.setStatus("failure");
      job.annotate({ level: "failure", message: textOf(error), step: number }, number);
    }
  }
  job.end(number, job.status);
  return job.status === "success";
}

function makeDirectories({ plan }: JobRun): void {
  const { temp, commands, workspace } = plan.directories;
  rmSync(temp, { recursive: true, force: true });
  withGivenUmask(() => {
    for (const directory of [temp, commands, workspace]) {
      mkdirSync(directory, { recursive: true });
      // The directory around them is private. An image may run its processes under any account.
      if (plan.definition.container !== undefined) chmodSync(directory, 0o777);
    }
  });
}

/** Variables of `--env`, then of the workflow, then of the job. */
function evaluateEnv(job: JobRun): void {
  const { givenEnv, workflow, definition } = job.plan;
  for (const [name, value] of Object.entries(givenEnv)) job.env.set(name, value);
  for (const token of [workflow.env, definition.env]) {
    for (const [name, value] of Object.entries(evaluateTexts(token, job.scope()))) job.env.set(name, value);
  }
}

async function runAll(job: JobRun, plans: StepPlans): Promise<void> {
  const containers = await startContainers(job);
  for (const plan of plans.inOrder()) {
    if (!plan.isBackground) await runOne(job, plan);
    else if (!job.isOver) job.background.start(plan, (own) => runStep(job, own));
  }
  await job.background.drain();
  for (let post = plans.takePost(); post; post = plans.takePost()) await runOne(job, post);
  if (containers) await stopContainers(job, containers);
}

async function runOne(job: JobRun, plan: StepPlan): Promise<void> {
  if (!job.isOver) await runStep(job, plan);
}

async function startContainers(job: JobRun): Promise<JobContainers | undefined> {
  const { definition } = job.plan;
  if (definition.container === undefined && definition.services === undefined) return undefined;
  const { containers: engine, report } = job.services;
  const number = job.begin("Initialize containers", "containers");
  try {
    const containers = await engine.start(job.plan, job.scope(), report, job.cancel);
    if (containers?.host) job.host = containers.host;
    for (const [name, value] of Object.entries(containers?.contexts ?? {})) {
      job.context.set(name, toData(value));
    }
    job.end(number, "success");
    return containers;
  } catch (error) {
    if (!job.cancel.aborted) {
      job.setStatus("failure");
      job.annotate({ level: "failure", message: textOf(error), step: number }, number);
    }
    if (definition.container !== undefined) job.host = new NoHost();
    job.end(number, job.status);
    return undefined;
  }
}

async function stopContainers(job: JobRun, containers: JobContainers): Promise<void> {
  const number = job.begin("Stop containers", "containers");
  try {
    await containers.stop();
  } catch (error) {
    job.annotate({ level: "warning", message: textOf(error), step: number }, number);
  }
  job.end(number, "success");
}

async function complete(job: JobRun): Promise<JobOutcome> {
  const { plan, services, summaries } = job;
  const number = job.begin("Complete job", "complete");
  const outputs = outputsOf(job, number);
  reportEnvironment(plan, job.scope(), services.report);
  for (const { pid, name } of await job.processes.end()) {
    services.report.line(`Terminated orphan process: pid (${pid}) (${name})`, number);
  }
  job.end(number, "success");
  if (summaries.length > 0) {
    services.report.event({ type: "job", job: { key: plan.key, summary: summaries.join("\n") } });
  }
  return { conclusion: job.status, outputs };
}

function outputsOf(job: JobRun, number: number): Record<string, string> {
  const { plan, services } = job;
  const outputs: Record<string, string> = {};
  try {
    for (const [name, value] of Object.entries(evaluateTexts(plan.definition.outputs, job.scope()))) {
      if (value === "") continue;
      if (services.report.masked(value) === value) outputs[name] = value;
      else {
        const message = `Skip output '${name}' since it may contain secret.`;
        job.annotate({ level: "warning", message, step: number }, number);
      }
    }
  } catch (error) {
    job.setStatus("failure");
    job.annotate({ level: "failure", message: textOf(error), step: number }, number);
  }
  return outputs;
}
