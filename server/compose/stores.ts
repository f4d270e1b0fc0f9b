import type { ApiKeyStore } from "../api-key/api-key-store.ts";
import type { ArtifactStore } from "../artifact/artifact-store.ts";
import type { AuditStore } from "../audit/audit-store.ts";
import type { InvitationStore } from "../auth/invitation-store.ts";
import type { OneTimeStore } from "../auth/one-time-store.ts";
import type { PersonStore } from "../auth/person-store.ts";
import type { Seal } from "../auth/seal.ts";
import type { SessionStore } from "../auth/session-store.ts";
import type { BlobStore } from "../blob/blob-store.ts";
import type { CreditStore } from "../credit/credit-store.ts";
import type { AssignStore } from "../dispatch/assign-store.ts";
import type { EnrolmentStore } from "../enrolment/enrolment-store.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import type { IntegrityStore } from "../integrity/integrity-store.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import type { JobStore } from "../job/job-store.ts";
import type { LogStore } from "../log/log-store.ts";
import type { NodeStore } from "../node/node-store.ts";
import type { GrantStore } from "../oauth/grant-store.ts";
import type { VisitStore } from "../pages/visit-store.ts";
import type { PasskeyStore } from "../people/passkey-store.ts";
import type { StoreFile } from "../retention/maintenance.ts";
import type { RetentionStore } from "../retention/retention-store.ts";
import type { ScheduleStore } from "../schedule/schedule-store.ts";
import type { SecretStore } from "../secret/secret-store.ts";
import type { StatsStore } from "../stats/stats-store.ts";
import type { DatabaseClock } from "../store/database-clock.ts";
import type { LeaseStore } from "../tasks/lease-store.ts";
import type { TemplateStore } from "../template/template-store.ts";
import type { ThrottleStore } from "../throttle/throttle-store.ts";
import type { TrashStore } from "../trash/trash-store.ts";
import type { RunStore } from "../workflow/run-store.ts";

/** Every store port of the control plane, all over the same store. */
export interface Stores {
  jobs: JobStore;
  flow: JobFlowStore;
  nodes: NodeStore;
  enrolments: EnrolmentStore;
  executions: ExecutionStore;
  assignments: AssignStore;
  sessions: SessionStore;
  apiKeys: ApiKeyStore;
  people: PersonStore;
  invitations: InvitationStore;
  visits: VisitStore;
  passkeys: PasskeyStore;
  oneTime: OneTimeStore;
  throttle: ThrottleStore;
  grants: GrantStore;
  logs: LogStore;
  leases: LeaseStore;
  schedules: ScheduleStore;
  templates: TemplateStore;
  artifacts: ArtifactStore;
  credits: CreditStore;
  audit: AuditStore;
  trash: TrashStore;
  secrets: SecretStore;
  integrity: IntegrityStore;
  retention: RetentionStore;
  runs: RunStore;
  stats: StatsStore;
  /** The keys outside the store that protect what is in it. */
  seal: Seal;
  /** The clock that all servers on the store share. If absent, the server uses its machine's clock. */
  clock?: Pick<DatabaseClock, "now" | "look">;
  /** Objects in the same database; only if that is MongoDB. */
  gridFs?(): BlobStore;
  /** Only for an embedded store in a file. */
  file?: StoreFile;
  /** One sentence if there is too little room for more jobs and output; undefined if there is enough. */
  shortage?(): string | undefined;
  /** Whether the store answers. */
  isReady(): Promise<boolean>;
  /** Releases locks of servers that died. Only if servers share the store; call it every few seconds. */
  endAbandoned?(): Promise<void>;
  /** Flushes pending writes first. */
  close(): Promise<void>;
}
