import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Clocks } from "../../shared/standstill.ts";
import { AgentService } from "../agent-api/agent-service.ts";
import { agentHandlers } from "../agent-api/handlers.ts";
import { staleNodesTask } from "../agent-api/stale-nodes-task.ts";
import { NodeKeys } from "../auth/node-keys.ts";
import { ServerKey } from "../auth/server-key.ts";
import { type SessionLife, Tokens } from "../auth/tokens.ts";
import type { Bus } from "../bus/bus.ts";
import { NOTHING_HOSTED, type Pricing } from "../credit/pricing.ts";
import { dispatchTask } from "../dispatch/dispatch-task.ts";
import { Dispatcher } from "../dispatch/dispatcher.ts";
import { FitCheck } from "../dispatch/fit.ts";
import { Startable } from "../dispatch/startable.ts";
import { Unschedulable } from "../dispatch/unschedulable.ts";
import { whyHandlers } from "../dispatch/why-handlers.ts";
import { ExecutionService } from "../execution/execution-service.ts";
import { executionHandlers } from "../execution/handlers.ts";
import { timeoutTask } from "../execution/timeout-task.ts";
import { AccessWatch } from "../http/access-watch.ts";
import { type AppParts, createApp } from "../http/app.ts";
import type { Handlers } from "../http/handler.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { jobHandlers } from "../job/handlers.ts";
import { JobFlow } from "../job/job-flow.ts";
import { JobNews } from "../job/job-news.ts";
import { isCurrent } from "../job/job-record.ts";
import { JobRetry } from "../job/job-retry.ts";
import { JobService, type SubmitCheck } from "../job/job-service.ts";
import { JobWatch } from "../job/job-watch.ts";
import { ManyJobs } from "../job/many-jobs.ts";
import { manyJobsHandlers } from "../job/many-jobs-handlers.ts";
import { retryTask } from "../job/retry-task.ts";
import type { FollowParts } from "../log/follow.ts";
import { logHandlers } from "../log/handlers.ts";
import { LogHub } from "../log/log-hub.ts";
import { pushLogs } from "../log/push-logs.ts";
import { nodeHandlers } from "../node/handlers.ts";
import { NodeService } from "../node/node-service.ts";
import { Maintenance } from "../retention/maintenance.ts";
import { DEFAULT_RETENTION, type LogLimits, type RetentionSettings } from "../retention/settings.ts";
import { Authenticator } from "../sign-in/authenticator.ts";
import { authHandlers } from "../sign-in/handlers.ts";
import { identityHandlers } from "../sign-in/identity-handlers.ts";
import { LocalSignIn } from "../sign-in/local-sign-in.ts";
import { ticketHandlers } from "../sign-in/ticket-handlers.ts";
import { Attendance, attendanceTask } from "../tasks/attendance.ts";
import { clockTask, type KeepsTimes } from "../tasks/clock.ts";
import type { DueTimes } from "../tasks/due-times.ts";
import { type PeriodicTask, TaskRunner } from "../tasks/periodic.ts";
import { type SharedStore, sharedStoreTasks } from "../tasks/store-tasks.ts";
import { composeCredits, meteringTask } from "./credits.ts";
import { composeRetention } from "./retention.ts";
import { composeSchedules } from "./schedules.ts";
import type { Stores } from "./stores.ts";
import { composeTemplates } from "./templates.ts";

export interface PlaneParts {
  stores: Stores;
  bus: Bus;
  /** Where clients reach it. */
  urls: OwnUrls;
  log: Logger;
  /** Which pools are hosted, and what they cost. */
  pricing?: Pricing;
  /** How much of jobs is kept, and for how long. */
  retention?: RetentionSettings;
  /** For how long sessions may be renewed. */
  sessionLife?: SessionLife;
  /** Epoch milliseconds. */
  now: () => number;
  /** Those of the machine, by which a standstill is noticed; the real ones where a test has no others. */
  clocks?: Clocks;
  /** Aborts when the server stops. */
  stopping: AbortSignal;
}

/** The control plane without a socket: the app that answers requests, and the tasks that run beside it. */
export interface Plane {
  app: ReturnType<typeof createApp>;
  tasks: TaskRunner[];
  /** To listen as soon as the URLs are known. */
  localSignIn: LocalSignIn;
  /** Ends every wait, and waits for jobs that are being handed out. The tasks are stopped by whoever started them. */
  close(): Promise<void>;
}

/** Hands every feature what it needs; nothing else in the server knows more than its own parts. */
export async function composePlane(parts: PlaneParts): Promise<Plane> {
  const { stores, bus, log, now, stopping, pricing = NOTHING_HOSTED } = parts;
  const { retention: settings = DEFAULT_RETENTION } = parts;
  const onError = (what: string, error: unknown) => log.error(`${what} failed; it is tried again`, { error });
  const watch = new JobWatch(bus);
  const jobLife = composeExecution({ stores, bus, pricing, now, onError });
  const { dispatcher, flow, jobRetry, credits, executionService } = jobLife;
  const { metering, checkSubmit, costsOf } = credits;
  const attendance = new Attendance(now, log, () => lookAgain(tasks, now), parts.clocks);
  const taskParts = { ...stores, executionService, dispatcher, jobFlow: flow, bus, attendance };
  const runnerParts = { leases: stores.leases, holder: crypto.randomUUID(), now, onError };
  const runnerOf = (task: PeriodicTask) => new TaskRunner(task, runnerParts);
  const { retries, timeouts, tasks } = composeTasks(taskParts, runnerOf);
  tasks.push(runnerOf(meteringTask({ metering, executionService, bus })));

  const { keys, tokens, localSignIn, authenticator, ...identity } = await composeIdentity(parts);
  const listeningSinceMs = () => attendance.sinceMs();
  const nodes = composeNodes({ ...parts, jobLife, keys, listeningSinceMs, logLimits: settings });
  const checkRoom = roomCheck(stores, checkSubmit);
  const jobParts = { jobs: stores.jobs, flow, retries: jobRetry, now, checkSubmit: checkRoom };
  const jobService = new JobService(jobParts, watch);
  const unschedulable = new Unschedulable(stores.nodes);
  const templates = composeTemplates({ ...stores, jobs: jobService, unschedulable, now }, runnerOf);
  const renderTemplate = templates.service.render.bind(templates.service);
  const scheduleParts = { ...stores, jobs: jobService, renderTemplate, bus, now, onError };
  const schedules = composeSchedules(scheduleParts, runnerOf);
  const dueTasks = { start: retries, expiry: timeouts, fire: schedules.runner };
  const times = timesTask(stores, schedules.scheduler, log, () => lookAgain(tasks, now));
  const unsubscribe = bus.subscribe("due", ({ what, atMs }) => dueTasks[what].runBefore(atMs));
  const retention = composeRetention({ ...stores, settings, log, clocks: parts.clocks, now }, runnerOf);
  tasks.push(schedules.runner, templates.runner, retention.runner, runnerOf(times));
  const fitCheck = new FitCheck(stores.nodes, stores.executions);
  const hub = new LogHub(bus);
  const handlers: Handlers = {
    ...authHandlers({ ...stores, tokens, bus, onSessionEnd: (id) => nodes.service.endAccess(id), now }),
    ...identity.handlers,
    ...jobHandlers(jobService, (businessId, jobs) => unschedulable.explain(businessId, jobs), costsOf),
    ...manyJobsHandlers(new ManyJobs(jobParts)),
    ...whyHandlers(jobService, fitCheck, stores.flow, credits.estimate),
    ...executionHandlers(stores.executions, (executionId) => stores.logs.lastSeq(executionId)),
    ...nodes.handlers,
    ...logHandlers(followParts(stores, hub, watch)),
    ...schedules.handlers,
    ...templates.handlers,
    ...credits.handlers,
    ...retention.handlers,
  };
  const appParts: AppParts = {
    handlers,
    authenticate: (headers: Headers, endpoint: Endpoint) =>
      authenticator.authenticate(headers, endpoint).catch((error: unknown) => {
        if (isTaken(error)) log.warn("an agent still spoke for a node that is another's", { error });
        throw error;
      }),
    isReady: () => stores.isReady(),
    stopping,
    access: identity.access,
    log,
  };
  const close = () => {
    unsubscribe();
    identity.access.close();
    const handedOut = dispatcher.close();
    watch.close();
    hub.close();
    schedules.close();
    return handedOut;
  };
  return { app: createApp(appParts), tasks, localSignIn, close };
}

function timesTask(
  { nodes, executions, jobs }: Stores,
  scheduler: KeepsTimes,
  log: Logger,
  onChanged: () => void,
): PeriodicTask {
  return clockTask([nodes, executions, jobs, scheduler], log, onChanged);
}

/** What was planned to be looked at may be due long since, or may have waited for a time that is not to come. */
function lookAgain(tasks: readonly TaskRunner[], now: () => number): void {
  for (const task of tasks) task.runBefore(now());
}

interface ExecutionParts {
  stores: Stores;
  bus: Bus;
  pricing: Pricing;
  now: () => number;
  onError(what: string, error: unknown): void;
}

/** What hands jobs out, and what follows when their executions begin and end. */
function composeExecution({ stores, bus, pricing, now, onError }: ExecutionParts) {
  const dispatcher = new Dispatcher({
    assignments: stores.assignments,
    bus,
    now,
    onError: (error) => onError("dispatch", error),
  });
  const due = dueTimesOver(bus);
  const startable = new Startable(stores.nodes);
  const canStart = (businessId: string) => startable.of(businessId);
  const news = new JobNews(bus, due);
  const flow = new JobFlow({ jobs: stores.jobs, flow: stores.flow, news, now, onError, canStart });
  const credits = composeCredits({ ...stores, pricing, now, onError });
  const executionService = new ExecutionService({
    jobs: stores.jobs,
    flow,
    now,
    metering: credits.metering,
  });
  const jobRetry = new JobRetry({ jobs: stores.jobs, flow: stores.flow, now }, flow);
  return { dispatcher, flow, jobRetry, credits, executionService };
}

interface NodeParts extends Pick<PlaneParts, "stores" | "bus" | "log" | "now"> {
  jobLife: ReturnType<typeof composeExecution>;
  keys: NodeKeys;
  /** Epoch milliseconds. */
  listeningSinceMs: () => number;
  logLimits: LogLimits;
}

/** What agents say, and what people do with nodes. */
function composeNodes({ stores, bus, log, now, jobLife, keys, listeningSinceMs, logLimits }: NodeParts) {
  const { dispatcher, executionService } = jobLife;
  const { nodes, executions } = stores;
  const service = new NodeService({ nodes, keys, bus, now });
  const agentParts = { nodes, executions, executionService, dispatcher, keys, bus, log, now };
  const agentService = new AgentService({ ...agentParts, listeningSinceMs });
  const pushLogs = composePushLogs(stores, bus);
  const handlers = {
    ...nodeHandlers({ ...stores, service }),
    ...agentHandlers({ ...stores, service: agentService, executionService, pushLogs, logLimits }),
  };
  return { service, handlers };
}

/** What is refused before a job is queued: too little room, or too little credit. */
function roomCheck({ shortage }: Stores, checkCredit: SubmitCheck): SubmitCheck {
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

/** The tasks of jobs and nodes; the other features bring their own. */
function composeTasks(
  parts: Parameters<typeof dispatchTask>[0] &
    Parameters<typeof staleNodesTask>[0] &
    Parameters<typeof timeoutTask>[0] &
    Parameters<typeof retryTask>[0] &
    SharedStore,
  runnerOf: (task: PeriodicTask) => TaskRunner,
) {
  const retries = runnerOf(retryTask(parts));
  const timeouts = runnerOf(timeoutTask(parts));
  const others = [dispatchTask(parts), staleNodesTask(parts), attendanceTask(parts.attendance)];
  const tasks = [...others, ...sharedStoreTasks(parts)].map(runnerOf).concat(timeouts, retries);
  return { retries, timeouts, tasks };
}

function isTaken(error: unknown): error is ComputeError {
  return error instanceof ComputeError && error.code === "node_taken";
}

/** Everything that says who calls, and who answers. */
async function composeIdentity({ stores, bus, urls, log, now, sessionLife }: PlaneParts) {
  const { sessions, nodes, jobs } = stores;
  const keys = new NodeKeys(now, undefined, await sessions.secret("node-keys"));
  const tokens = await Tokens.open(sessions, now, sessionLife);
  const serverKey = await ServerKey.open(sessions);
  const maintenance = new Maintenance({ retention: stores.retention, file: stores.file, now });
  const maintain = maintenance.answer.bind(maintenance);
  const { publicKey } = serverKey;
  const localSignIn = new LocalSignIn({ sessions, tokens, urls, serverKey: publicKey, maintain, log, now });
  const hasJob = async (businessId: string, jobId: string) =>
    (await jobs.find(businessId, jobId)) !== undefined;
  return {
    keys,
    tokens,
    localSignIn,
    authenticator: new Authenticator(tokens, keys, sessions, nodes),
    access: new AccessWatch(bus, now),
    handlers: { ...identityHandlers(serverKey, urls), ...ticketHandlers(tokens, hasJob) },
  };
}

function followParts(stores: Stores, hub: LogHub, watch: JobWatch): FollowParts {
  return {
    hub,
    store: stores.logs,
    async loadJob(businessId, jobId) {
      const job = await stores.jobs.find(businessId, jobId);
      return job && { ...job.end, status: job.status, attempt: job.attempt };
    },
    removedLog: (businessId, jobId) => stores.retention.removedLog(businessId, jobId),
    nextJobChange: (jobId, timeoutMs, signal) => watch.next(jobId, timeoutMs, signal),
  };
}

function composePushLogs(stores: Stores, bus: Bus) {
  return pushLogs({
    store: stores.logs,
    bus,
    shortage: () => stores.shortage?.(),
    async executionsOf(nodeId, executionIds) {
      const found = await stores.executions.findOfNode(nodeId, executionIds);
      return new Map(
        found.map(({ job, execution }) => {
          const { jobId, businessId, attempt, executionId } = execution;
          return [executionId, { jobId, businessId, attempt, current: isCurrent({ job, execution }) }];
        }),
      );
    },
  });
}
