import { Activity } from "./activity.ts";
import { ApiKeys } from "./api-keys.ts";
import { Artifacts } from "./artifacts.ts";
import { Audit } from "./audit.ts";
import { ComputeClient, type WayToServer } from "./client.ts";
import type { Credentials } from "./credentials.ts";
import { Credits } from "./credits.ts";
import { Enrolments } from "./enrolments.ts";
import { Executions } from "./executions.ts";
import { Jobs } from "./jobs.ts";
import { Members } from "./members.ts";
import { Nodes } from "./nodes.ts";
import { Schedules } from "./schedules.ts";
import { Secrets } from "./secrets.ts";
import { Sessions } from "./sessions.ts";
import { Stats } from "./stats.ts";
import { Templates } from "./templates.ts";
import { TokenCredentials } from "./token-credentials.ts";
import { Trash } from "./trash.ts";

export type { ActivityEvent } from "../shared/activity.ts";
export type { ApiKey } from "../shared/api-key.ts";
export type { Artifact } from "../shared/artifact.ts";
export type { AuditEntry } from "../shared/audit.ts";
export { bytesText } from "../shared/bytes-text.ts";
export type { CostEstimate, CreditBalance, CreditEntry, CreditSpend, HostedPool } from "../shared/credit.ts";
export type { EndpointId, EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
export type { BatchJobInput } from "../shared/endpoints/many-jobs.ts";
export type { Execution } from "../shared/execution.ts";
export type { TreeEntry } from "../shared/files/tree.ts";
export type { Job } from "../shared/job.ts";
export { isFinal, type JobStatus, jobStatuses } from "../shared/job-state.ts";
export type { LogEvent, LogLine } from "../shared/log.ts";
export { shownText } from "../shared/log-text.ts";
export type { JobManifestInput } from "../shared/manifest.ts";
export type { Invitation, Member } from "../shared/member.ts";
export { formatUsd, parseUsd } from "../shared/money.ts";
export type { Node } from "../shared/node.ts";
export { may, type Right } from "../shared/roles.ts";
export type { Schedule, ScheduleFire, UpcomingFire } from "../shared/schedule/schedule.ts";
export type { SecretFacts } from "../shared/secret.ts";
export type { StatsOverview, StatsSeries } from "../shared/stats.ts";
export type { Template, TemplateFileInput, TemplateSummary } from "../shared/template/template.ts";
export type { TrashEntry } from "../shared/trash.ts";
export type { WorkflowRequest } from "../shared/workflow-request.ts";
export type {
  Annotation,
  WorkflowEvent,
  WorkflowJob,
  WorkflowRun,
  WorkflowStep,
} from "../shared/workflow-run.ts";
export { applyWorkflowEvent } from "../shared/workflow-state.ts";
export type { ActivityOptions } from "./activity.ts";
export type { ArtifactFilter, DownloadLink, UploadFilesOptions, UploadLink } from "./artifacts.ts";
export type { AuditFilter } from "./audit.ts";
export type { BytesToSend, ReceiveOptions, SendOptions } from "./bytes.ts";
export { ComputeClient } from "./client.ts";
export type { Credentials } from "./credentials.ts";
export type { GrantOptions, LedgerFilter } from "./credits.ts";
export { ComputeError, OtherServerError, UnreachableError } from "./errors.ts";
export type { ExecutionFilter } from "./executions.ts";
export type { BlobFile } from "./files/dropped-files.ts";
export { FileError, type FileErrorReason } from "./files/file-error.ts";
export type { UploadProgress } from "./files/upload-tree.ts";
export type {
  DeletedJob,
  JobFilter,
  JobSelection,
  LogOptions,
  MatchingCounts,
  MatchingOptions,
  RetriedCounts,
  RetriedJob,
  RetryOptions,
  SubmitOptions,
  SubmittedJob,
} from "./jobs.ts";
export type { NodeFilter } from "./nodes.ts";
export type { ListOptions } from "./pages.ts";
export type { Patience } from "./patience.ts";
export type { Proof } from "./proof.ts";
export type { ScheduleFilter } from "./schedules.ts";
export type { Session } from "./sessions.ts";
export type { SeriesQuery } from "./stats.ts";
export type { RunTemplateOptions, TemplateFilter } from "./templates.ts";

/**
 * The server's URL, and how to sign in: an access token; the API key of a user or a node; or credentials that renew
 * themselves. `fetch` sends the requests; default: that of the runtime. `proof` is asked before anything is sent.
 */
export type ComputeClientOptions = { url: string } & WayToServer &
  ({ token: string } | { apiKey: string } | { credentials: Credentials });

/** The whole API in groups. Methods retry while the server is away if a repeat is safe; see `Patience`. */
export interface Compute {
  jobs: Jobs;
  nodes: Nodes;
  enrolments: Enrolments;
  templates: Templates;
  executions: Executions;
  schedules: Schedules;
  credits: Credits;
  artifacts: Artifacts;
  secrets: Secrets;
  audit: Audit;
  apiKeys: ApiKeys;
  members: Members;
  trash: Trash;
  activity: Activity;
  stats: Stats;
  sessions: Sessions;
  /** Calls any endpoint by its id, once. */
  client: ComputeClient;
}

/**
 * Makes a client for one server.
 *
 * @example
 * const compute = createComputeClient({ url: "http://127.0.0.1:7070", token });
 * const job = await compute.jobs.submitAndWait({ command: ["uname", "-a"] });
 * console.log(job.status, job.exitCode);
 */
export function createComputeClient(options: ComputeClientOptions): Compute {
  const { url, fetch, proof } = options;
  return computeOf(new ComputeClient({ url, fetch, proof, credentials: credentialsOf(options) }));
}

/** The groups of the API over a client. */
export function computeOf(client: ComputeClient): Compute {
  return {
    jobs: new Jobs(client),
    nodes: new Nodes(client),
    enrolments: new Enrolments(client),
    templates: new Templates(client),
    executions: new Executions(client),
    schedules: new Schedules(client),
    credits: new Credits(client),
    artifacts: new Artifacts(client),
    secrets: new Secrets(client),
    audit: new Audit(client),
    apiKeys: new ApiKeys(client),
    members: new Members(client),
    trash: new Trash(client),
    activity: new Activity(client),
    stats: new Stats(client),
    sessions: new Sessions(client),
    client,
  };
}

function credentialsOf(options: ComputeClientOptions): Credentials {
  if ("credentials" in options) return options.credentials;
  if ("apiKey" in options) return { headers: () => ({ "x-api-key": options.apiKey }) };
  return new TokenCredentials(options.token);
}
