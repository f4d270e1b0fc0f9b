import type { SessionStore } from "../auth/session-store.ts";
import type { CreditStore } from "../credit/credit-store.ts";
import type { AssignStore } from "../dispatch/assign-store.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import type { IntegrityStore } from "../integrity/integrity-store.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import type { JobStore } from "../job/job-store.ts";
import type { LogStore } from "../log/log-store.ts";
import type { NodeStore } from "../node/node-store.ts";
import type { StoreFile } from "../retention/maintenance.ts";
import type { RetentionStore } from "../retention/retention-store.ts";
import type { ScheduleStore } from "../schedule/schedule-store.ts";
import type { DatabaseClock } from "../store/database-clock.ts";
import type { LeaseStore } from "../tasks/lease-store.ts";
import type { TemplateStore } from "../template/template-store.ts";

/** Every port of the control plane over one store. */
export interface Stores {
  jobs: JobStore;
  flow: JobFlowStore;
  nodes: NodeStore;
  executions: ExecutionStore;
  assignments: AssignStore;
  sessions: SessionStore;
  logs: LogStore;
  leases: LeaseStore;
  schedules: ScheduleStore;
  templates: TemplateStore;
  credits: CreditStore;
  integrity: IntegrityStore;
  retention: RetentionStore;
  /** The time that every server on the store goes by; absent: that of the machine. */
  clock?: Pick<DatabaseClock, "now" | "look">;
  /** Only of an embedded store that is a file. */
  file?: StoreFile;
  /** Says in one sentence that there is too little room for more jobs and output; undefined: there is enough. */
  shortage?(): string | undefined;
  /** Whether the store answers. */
  isReady(): Promise<boolean>;
  /** Lets go of what servers that died hold locked; only where several share the store. To be asked every few seconds. */
  endAbandoned?(): Promise<void>;
  /** Writes what is pending. */
  close(): Promise<void>;
}
