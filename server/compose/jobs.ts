import { ComputeError } from "../../shared/errors.ts";
import type { Bus } from "../bus/bus.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { FitCheck } from "../dispatch/fit.ts";
import { Startable } from "../dispatch/startable.ts";
import { Unschedulable } from "../dispatch/unschedulable.ts";
import { whyHandlers } from "../dispatch/why-handlers.ts";
import { ExecutionService } from "../execution/execution-service.ts";
import { executionHandlers } from "../execution/handlers.ts";
import { jobHandlers } from "../job/handlers.ts";
import { JobFlow } from "../job/job-flow.ts";
import { needsCheck } from "../job/job-needs.ts";
import { JobNews } from "../job/job-news.ts";
import type { JobParts, SubmitCheck } from "../job/job-parts.ts";
import type { JobRecord } from "../job/job-record.ts";
import { JobService } from "../job/job-service.ts";
import { JobWatch } from "../job/job-watch.ts";
import { ManualRetry } from "../job/manual-retry.ts";
import { ManyJobs } from "../job/many-jobs.ts";
import { manyJobsHandlers } from "../job/many-jobs-handlers.ts";
import type { SecretService } from "../secret/secret-service.ts";
import type { DueTimes } from "../tasks/due-times.ts";
import type { PlaneBase } from "./base.ts";
import type { composeCredits } from "./credits.ts";
import type { Stores } from "./stores.ts";

type Credits = ReturnType<typeof composeCredits>;

/** Hands jobs out, and does what follows when their executions begin and end. */
export function composeExecutions({ stores, bus, history, now, onError }: PlaneBase, credits: Credits) {
  const startable = new Startable(stores.nodes);
  const flow = new JobFlow({
    jobs: stores.jobs,
    flow: stores.flow,
    news: new JobNews(bus, dueTimesOver(bus), history),
    now,
    onError,
    canStart: (businessId) => startable.of(businessId),
  });
  const dispatcher = new Dispatcher({
    assignments: stores.assignments,
    bus,
    now,
    onError: (error) => onError("dispatch", error),
  });
  stores.assignments.useOffers?.((businessId) => dispatcher.offer(businessId));
  stores.jobs.onClaimable?.((businessId) => dispatcher.wake(businessId));
  return {
    flow,
    dispatcher,
    service: new ExecutionService({
      jobs: stores.jobs,
      artifacts: stores.artifacts,
      flow,
      now,
      metering: credits.metering,
    }),
    handlers: executionHandlers(
      stores.executions,
      (executionId) => stores.logs.lastSeq(executionId),
      stores.runs,
    ),
  };
}

/** What users do with jobs, and why a job waits. */
export function composeJobs(
  { stores, bus, ownership, now }: PlaneBase,
  {
    executions,
    credits,
    secrets,
  }: { executions: ReturnType<typeof composeExecutions>; credits: Credits; secrets: SecretService },
) {
  const { flow, dispatcher } = executions;
  const checkNeeds = needsCheck({
    hold: stores.artifacts.hold.bind(stores.artifacts),
    missingSecrets: secrets.missing.bind(secrets),
    mayUseSecrets: secrets.mayUse.bind(secrets),
    now,
  });
  const parts: JobParts = {
    jobs: stores.jobs,
    flow,
    retries: new ManualRetry({ jobs: stores.jobs, flow: stores.flow, now }, flow),
    now,
    checkSubmit: submitCheck(stores, credits.checkSubmit),
    checkNeeds,
    runs: stores.runs,
  };
  const watch = new JobWatch(bus);
  const service = new JobService(parts, watch);
  const unschedulable = new Unschedulable(stores.nodes, (businessId) => dispatcher.waitingIn(businessId));
  const reasonsOf = (businessId: string, jobs: readonly JobRecord[]) =>
    unschedulable.explain(businessId, jobs);
  const fitCheck = new FitCheck(stores.nodes, stores.executions);
  return {
    watch,
    service,
    checkNeeds,
    unschedulable,
    handlers: {
      ...jobHandlers(service, reasonsOf, credits.costsOf, stores.runs, ownership),
      ...manyJobsHandlers(new ManyJobs(parts)),
      ...whyHandlers(service, fitCheck, stores.flow, credits.estimate, (job, maxCount) =>
        stores.assignments.countAhead(job, maxCount),
      ),
    },
  };
}

/** Rejects jobs before they are queued: with too little room in the store, or too little credit. */
function submitCheck({ shortage }: Stores, checkCredit: SubmitCheck): SubmitCheck {
  return async (by, manifests) => {
    const detail = shortage?.();
    if (detail !== undefined) throw new ComputeError("storage_failed", detail, { retryAfterSeconds: 30 });
    await checkCredit(by, manifests);
  };
}

function dueTimesOver(bus: Bus): DueTimes {
  return {
    start: (atMs) => bus.publish("due", { what: "start", atMs }),
    expiry: (atMs) => bus.publish("due", { what: "expiry", atMs }),
  };
}
