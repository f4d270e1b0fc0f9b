import type { RecordAudit } from "../../shared/audit.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Clocks } from "../../shared/standstill.ts";
import { DEFAULT_SESSION_LIFE, type SessionLife } from "../auth/tokens.ts";
import type { BlobStore } from "../blob/blob-store.ts";
import type { Bus } from "../bus/bus.ts";
import { NOTHING_HOSTED, type Pricing } from "../credit/pricing.ts";
import { AccessWatch } from "../http/access-watch.ts";
import { createApp } from "../http/app.ts";
import type { OwnUrls } from "../http/own-urls.ts";
import { Ownership } from "../http/ownership.ts";
import type { MailSettings } from "../mail/settings.ts";
import type { OAuthClientSetting } from "../oauth/clients.ts";
import type { OidcSettings } from "../oidc/settings.ts";
import { isPortalPage, mountPortal } from "../portal/mount.ts";
import { DEFAULT_RETENTION, type RetentionSettings } from "../retention/settings.ts";
import type { LocalSignIn } from "../sign-in/local-sign-in.ts";
import { History } from "../stats/history.ts";
import { Attendance } from "../tasks/attendance.ts";
import { clockTask } from "../tasks/clock.ts";
import { type PeriodicTask, TaskRunner } from "../tasks/periodic.ts";
import { TrashBin } from "../trash/bin.ts";
import { composeActivity } from "./activity.ts";
import { composeArtifacts } from "./artifacts.ts";
import { composeAudit, openAuditLog } from "./audit.ts";
import type { PlaneBase } from "./base.ts";
import { composeCollector } from "./collector.ts";
import { composeCredits, meteringTask } from "./credits.ts";
import { composeIdentity } from "./identity.ts";
import { composeExecutions, composeJobs } from "./jobs.ts";
import { composeLogs } from "./logs.ts";
import { composeMembers } from "./members.ts";
import { composeNodes } from "./nodes.ts";
import { composeOAuth } from "./oauth.ts";
import { composePages } from "./pages.ts";
import { composePeople } from "./people.ts";
import { composeRetention } from "./retention.ts";
import { composeSchedules } from "./schedules.ts";
import { composeSecrets } from "./secrets.ts";
import { composeStats } from "./stats.ts";
import type { Stores } from "./stores.ts";
import { composeTasks } from "./tasks.ts";
import { composeTemplates } from "./templates.ts";
import { composeTrash } from "./trash.ts";

export interface PlaneParts {
  stores: Stores;
  /** Where the content of files is. The caller closes it, before the stores. */
  blobs: BlobStore;
  bus: Bus;
  /** URLs at which clients reach the server. */
  urls: OwnUrls;
  log: Logger;
  /** Which pools are hosted, and what they cost. */
  pricing?: Pricing;
  /** How much of jobs and logs is kept, and for how long. */
  retention?: RetentionSettings;
  /** How mail is sent; absent: it is not. */
  mail?: MailSettings | undefined;
  /** How long sessions can be renewed. */
  sessionLife?: SessionLife;
  /** Agents are told to replace a key that is older; absent: never. */
  nodeKeyMaxAgeMs?: number;
  /** Programs besides our own that may sign people in. */
  oauthClients?: readonly OAuthClientSetting[];
  /** Another issuer that says who people are. */
  oidc?: OidcSettings | undefined;
  /** Epoch milliseconds. */
  now: () => number;
  /** The clocks of the machine that show whether it stood still; the real ones unless a test brings its own. */
  clocks?: Clocks;
  /** Aborts when the server stops. */
  stopping: AbortSignal;
}

/** The control plane without a socket: the app that answers requests, and the tasks that run next to it. */
export interface Plane {
  app: ReturnType<typeof createApp>;
  tasks: TaskRunner[];
  /** Start it as soon as the URLs are known. */
  localSignIn: LocalSignIn;
  /** The URL of a page that makes the first owner; undefined if somebody can sign in from elsewhere already. */
  setupUrl(): Promise<string | undefined>;
  /** Ends every wait, and waits for jobs that are just being handed out. The caller stops the tasks. */
  close(): Promise<void>;
}

/** Puts the features together. Only `compose/` knows them all; each feature knows only the parts it is given. */
export async function composePlane(parts: PlaneParts): Promise<Plane> {
  const base = await baseOf(parts);
  const tasks: TaskRunner[] = [];
  const { now, log, clocks } = base;
  const attendance = new Attendance({ now, log, onGap: () => runAllNow(tasks, base), clocks });
  const features = await composeFeatures(base, parts, attendance);
  const { executions, jobs, logs, schedules, identity } = features;
  const jobTasks = composeTasks(base, executions, attendance);
  tasks.push(...jobTasks.all, ...featureTasks(base, features, () => runAllNow(tasks, base)));

  const dueRunners = { start: jobTasks.retries, expiry: jobTasks.timeouts, fire: schedules.runner };
  const unsubscribe = base.bus.subscribe("due", ({ what, atMs }) => dueRunners[what].runBefore(atMs));
  const access = new AccessWatch(base.bus, now);
  const activity = composeActivity(base);
  const stats = composeStats(base);
  tasks.push(...stats.runners);
  const app = createApp({
    handlers: { ...handlersOf(features), ...activity.handlers, ...stats.handlers },
    authenticate: identity.authenticate,
    isReady: () => base.stores.isReady(),
    stopping: parts.stopping,
    access,
    mounts: [features.oauth.mount, features.pages.mount, mountPortal],
    isPage: (path) => features.pages.isPage(path) || isPortalPage(path),
    record: base.record,
    onChanged: activity.onChanged,
    log,
  });
  const close = async () => {
    unsubscribe();
    access.close();
    activity.close();
    const handedOut = executions.dispatcher.close();
    jobs.watch.close();
    logs.close();
    schedules.close();
    features.collector.close();
    await Promise.all([handedOut, features.people.close()]);
    await stats.close();
  };
  return { app, tasks, localSignIn: identity.localSignIn, setupUrl: features.pages.setupUrl, close };
}

async function baseOf({ stores, blobs, bus, log, now, clocks }: PlaneParts): Promise<PlaneBase> {
  const onError = (what: string, error: unknown) => {
    log.error(`${what} failed; the server will try again`, { error });
  };
  const runnerParts = { leases: stores.leases, holder: crypto.randomUUID(), now, onError };
  const runnerOf = (task: PeriodicTask) => new TaskRunner(task, runnerParts);
  const auditLog = await openAuditLog({ stores, log, now });
  const record: RecordAudit = (businessId, event) => auditLog.record(businessId, event);
  const ownership = new Ownership(stores.sessions);
  const bin = new TrashBin(() => stores.shortage?.(), now);
  const history = new History(stores.stats, now);
  return { history, stores, blobs, bus, ownership, log, record, bin, now, clocks, onError, runnerOf };
}

type Features = Awaited<ReturnType<typeof composeFeatures>>;

/** Who people are: by this server's word, or by another issuer's. */
async function composeSignIn(
  base: PlaneBase,
  { urls, sessionLife, mail, oidc }: PlaneParts,
  { prune: pruneArtifacts }: ReturnType<typeof composeCollector>,
) {
  // Loaded only here, because most servers have no other issuer.
  const external =
    oidc && (await import("./external.ts").then(({ composeExternal }) => composeExternal(base, oidc)));
  const identity = await composeIdentity(base, {
    ...{ urls, sessionLife, pruneArtifacts },
    ...(external && { verifierWith: external.verifierWith }),
  });
  const people = await composePeople(base, { tokens: identity.tokens, urls, mail, issuer: oidc?.issuer });
  return { external, identity, people };
}

function creditsOf({ stores, bus, now, onError }: PlaneBase, pricing: Pricing) {
  const onChanged = (businessId: string) => bus.publish("activity", { businessId, subject: "credits" });
  return composeCredits({ ...stores, pricing, now, onError, onChanged });
}

/** Every group of features, in the order in which they need each other. */
async function composeFeatures(base: PlaneBase, parts: PlaneParts, attendance: Attendance) {
  const { urls, sessionLife, pricing = NOTHING_HOSTED, retention: settings = DEFAULT_RETENTION } = parts;
  const collector = composeCollector(base, settings);
  const { external, identity, people } = await composeSignIn(base, parts, collector);
  const credits = creditsOf(base, pricing);
  const secrets = await composeSecrets(base);
  const executions = composeExecutions(base, credits);
  const jobs = composeJobs(base, { executions, credits, secrets: secrets.service });
  const logs = composeLogs(base, jobs.watch);
  const nodes = composeNodes(base, {
    keys: identity.keys,
    enrolments: identity.enrolments,
    urls,
    keyMaxAgeMs: parts.nodeKeyMaxAgeMs ?? Number.POSITIVE_INFINITY,
    executions,
    secrets: secrets.service,
    attendance,
    pushLogs: logs.push,
    pushEvents: logs.pushEvents,
    logLimits: settings,
  });
  const members = composeMembers(base, {
    urls,
    mailer: people.mailer,
    endNodes: nodes.service.endAccess.bind(nodes.service),
  });
  const templates = composeTemplates(base, jobs);
  const schedules = composeSchedules(base, {
    jobs: jobs.service,
    templates: templates.service,
    apiKeys: identity.apiKeys,
  });
  const retention = composeRetention(base, settings, collector.ask);
  const artifacts = await composeArtifacts(base, urls, settings.artifacts, collector.ask);
  const endSession = identity.sessionEnder(async (sessionId) => {
    await nodes.service.endAccess(sessionId);
  });
  const { tokens } = identity;
  const oauth = composeOAuth(base, { urls, tokens, endSession, clients: parts.oauthClients });
  const life = sessionLife ?? DEFAULT_SESSION_LIFE;
  const pages = await composePages(base, {
    urls,
    life,
    people,
    members,
    oauth,
    tokens,
    endSession,
    external: external?.signIn,
  });
  return {
    pages,
    oauth,
    endSession,
    artifacts,
    audit: await composeAudit(base, settings),
    collector,
    identity,
    credits,
    executions,
    jobs,
    logs,
    members,
    nodes,
    people,
    templates,
    trash: composeTrash(base, retention.onDeleted),
    schedules,
    retention,
    secrets,
  };
}

/** The tasks that features bring, and the one that corrects times written under a wrong clock. */
function featureTasks(base: PlaneBase, features: Features, onTimesChanged: () => void): TaskRunner[] {
  const { credits, executions, schedules, templates, retention, collector, secrets } = features;
  const { bus, log, runnerOf, stores } = base;
  const keepers = [stores.nodes, stores.executions, stores.jobs, schedules.scheduler];
  return [
    runnerOf(meteringTask({ metering: credits.metering, executionService: executions.service, bus })),
    schedules.runner,
    templates.runner,
    features.people.runner,
    retention.runner,
    collector.runner,
    secrets.runner,
    features.oauth.runner,
    features.pages.runner,
    features.audit.runner,
    features.trash.runner,
    runnerOf(clockTask(keepers, log, onTimesChanged)),
  ];
}

function handlersOf(features: Features) {
  const { identity, credits, executions, jobs, logs, nodes, templates, schedules, retention, secrets } =
    features;
  return {
    ...identity.handlersWith(features.endSession),
    ...features.people.handlers,
    ...jobs.handlers,
    ...executions.handlers,
    ...nodes.handlers,
    ...logs.handlers,
    ...schedules.handlers,
    ...templates.handlers,
    ...credits.handlers,
    ...retention.handlers,
    ...features.artifacts.handlers,
    ...secrets.handlers,
    ...features.audit.handlers,
    ...features.members.handlers,
    ...features.pages.handlers,
    ...features.trash.handlers,
  };
}

/**
 * Runs every task now: after a gap or a corrected time, planned runs may be long overdue, or planned for a time that
 * will not come.
 */
function runAllNow(tasks: readonly TaskRunner[], { now }: PlaneBase): void {
  for (const task of tasks) task.runBefore(now());
}
