import { join } from "node:path";
import { authMigrations, SqliteSessionStore } from "../auth/session-store.sqlite.ts";
import type { SessionStore } from "../auth/session-store.ts";
import { creditMigrations, SqliteCreditStore } from "../credit/credit-store.sqlite.ts";
import type { CreditStore } from "../credit/credit-store.ts";
import { executionMigrations, SqliteExecutionStore } from "../execution/execution-store.sqlite.ts";
import type { ExecutionStore } from "../execution/execution-store.ts";
import { SqliteIntegrityStore } from "../integrity/integrity-store.sqlite.ts";
import type { IntegrityStore } from "../integrity/integrity-store.ts";
import { flowMigrations, SqliteJobFlowStore } from "../job/flow-store.sqlite.ts";
import type { JobFlowStore } from "../job/flow-store.ts";
import { jobMigrations, SqliteJobStore } from "../job/job-store.sqlite.ts";
import type { JobStore } from "../job/job-store.ts";
import { logMigrations, SqliteLogStore } from "../log/log-store.sqlite.ts";
import type { LogStore } from "../log/log-store.ts";
import { nodeMigrations, SqliteNodeStore } from "../node/node-store.sqlite.ts";
import type { NodeStore } from "../node/node-store.ts";
import { SqliteScheduleStore, scheduleMigrations } from "../schedule/schedule-store.sqlite.ts";
import type { ScheduleStore } from "../schedule/schedule-store.ts";
import { MemoryLeaseStore } from "../tasks/lease-store.memory.ts";
import type { LeaseStore } from "../tasks/lease-store.ts";
import { SqliteTemplateStore, templateMigrations } from "../template/template-store.sqlite.ts";
import type { TemplateStore } from "../template/template-store.ts";
import { SqliteStore } from "./sqlite.ts";

/** Every port of the control plane over one store. */
export interface Stores {
  jobs: JobStore;
  flow: JobFlowStore;
  nodes: NodeStore;
  executions: ExecutionStore;
  sessions: SessionStore;
  logs: LogStore;
  leases: LeaseStore;
  schedules: ScheduleStore;
  templates: TemplateStore;
  credits: CreditStore;
  integrity: IntegrityStore;
  /** Whether the store answers. */
  isReady(): Promise<boolean>;
  /** Writes what is pending. */
  close(): Promise<void>;
}

/** The whole schema of the embedded store. */
export const sqliteMigrations = [
  ...authMigrations,
  ...jobMigrations,
  ...flowMigrations,
  ...executionMigrations,
  ...nodeMigrations,
  ...logMigrations,
  ...scheduleMigrations,
  ...templateMigrations,
  ...creditMigrations,
];

/** The embedded store in `<dataDir>/compute.db`, or in memory. Throws StoreInUseError where another server has it open. */
export function openSqliteStores(dataDir: string | ":memory:"): Stores {
  const path = dataDir === ":memory:" ? dataDir : join(dataDir, "compute.db");
  const store = new SqliteStore(path, sqliteMigrations);
  return {
    jobs: new SqliteJobStore(store),
    flow: new SqliteJobFlowStore(store),
    nodes: new SqliteNodeStore(store),
    executions: new SqliteExecutionStore(store),
    sessions: new SqliteSessionStore(store),
    logs: new SqliteLogStore(store),
    leases: new MemoryLeaseStore(),
    schedules: new SqliteScheduleStore(store),
    templates: new SqliteTemplateStore(store),
    credits: new SqliteCreditStore(store),
    integrity: new SqliteIntegrityStore(store),
    isReady: async () => store.get("SELECT 1 AS one") !== undefined,
    close: async () => store.close(),
  };
}

/**
 * The store that many servers share: a MongoDB replica set, named by a connection string that holds the database, the
 * account and TLS. Rejects with ComputeError `storage_failed` where it cannot be reached or is no replica set.
 */
export async function openMongoStores(url: string): Promise<Stores> {
  // Loaded only here: the embedded store needs no driver.
  const { openMongo } = await import("./open-mongo.ts");
  return openMongo(url);
}
