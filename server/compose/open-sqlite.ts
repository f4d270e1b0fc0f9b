import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { apiKeyMigrations, SqliteApiKeyStore } from "../api-key/api-key-store.sqlite.ts";
import { artifactMigrations } from "../artifact/artifact-migrations.sqlite.ts";
import { SqliteArtifactStore } from "../artifact/artifact-store.sqlite.ts";
import { auditMigrations, SqliteAuditStore } from "../audit/audit-store.sqlite.ts";
import { invitationMigrations, SqliteInvitationStore } from "../auth/invitation-store.sqlite.ts";
import { oneTimeMigrations, SqliteOneTimeStore } from "../auth/one-time-store.sqlite.ts";
import { personMigrations, SqlitePersonStore } from "../auth/person-store.sqlite.ts";
import { Seal } from "../auth/seal.ts";
import { authMigrations, SqliteSessionStore } from "../auth/session-store.sqlite.ts";
import { creditMigrations, SqliteCreditStore } from "../credit/credit-store.sqlite.ts";
import { SqliteAssignStore } from "../dispatch/assign-store.sqlite.ts";
import { enrolmentMigrations, SqliteEnrolmentStore } from "../enrolment/enrolment-store.sqlite.ts";
import { executionMigrations, SqliteExecutionStore } from "../execution/execution-store.sqlite.ts";
import { SqliteIntegrityStore } from "../integrity/integrity-store.sqlite.ts";
import { flowMigrations, SqliteJobFlowStore } from "../job/flow-store.sqlite.ts";
import { jobMigrations } from "../job/job-migrations.sqlite.ts";
import { SqliteJobStore } from "../job/job-store.sqlite.ts";
import { logMigrations, SqliteLogStore } from "../log/log-store.sqlite.ts";
import { nodeMigrations, SqliteNodeStore } from "../node/node-store.sqlite.ts";
import { oauthMigrations, SqliteGrantStore } from "../oauth/grant-store.sqlite.ts";
import { SqliteVisitStore, visitMigrations } from "../pages/visit-store.sqlite.ts";
import { passkeyMigrations, SqlitePasskeyStore } from "../people/passkey-store.sqlite.ts";
import type { StoreFile } from "../retention/maintenance.ts";
import {
  freeBytesIn,
  retentionMigrations,
  SqliteRetentionStore,
} from "../retention/retention-store.sqlite.ts";
import { SqliteScheduleStore, scheduleMigrations } from "../schedule/schedule-store.sqlite.ts";
import { SqliteSecretStore, secretMigrations } from "../secret/secret-store.sqlite.ts";
import { SqliteStatsStore, statsMigrations } from "../stats/stats-store.sqlite.ts";
import { DiskRoom } from "../store/disk-room.ts";
import { FileHold } from "../store/file-hold.ts";
import { SqliteStore } from "../store/sqlite.ts";
import { MemoryLeaseStore } from "../tasks/lease-store.memory.ts";
import { SqliteTemplateStore, templateMigrations } from "../template/template-store.sqlite.ts";
import { SqliteThrottleStore, throttleMigrations } from "../throttle/throttle-store.sqlite.ts";
import { SqliteTrashStore, trashMigrations } from "../trash/trash-store.sqlite.ts";
import { SqliteRunStore, workflowMigrations } from "../workflow/run-store.sqlite.ts";
import type { Stores } from "./stores.ts";

/** The whole schema of the embedded store. */
export const sqliteMigrations = [
  ...authMigrations,
  ...personMigrations,
  ...invitationMigrations,
  ...visitMigrations,
  ...oneTimeMigrations,
  ...passkeyMigrations,
  ...throttleMigrations,
  ...jobMigrations,
  ...flowMigrations,
  ...executionMigrations,
  ...nodeMigrations,
  ...logMigrations,
  ...scheduleMigrations,
  ...templateMigrations,
  ...creditMigrations,
  ...retentionMigrations,
  ...secretMigrations,
  ...artifactMigrations,
  ...workflowMigrations,
  ...enrolmentMigrations,
  ...oauthMigrations,
  ...auditMigrations,
  ...apiKeyMigrations,
  ...trashMigrations,
  ...statsMigrations,
];

/** The embedded store in `<dataDir>/compute.db`, or in memory. Throws StoreInUseError if another server has it open. */
export function openSqliteStores(dataDir: string | ":memory:", seal = Seal.none): Stores {
  const path = dataDir === ":memory:" ? dataDir : join(dataDir, "compute.db");
  const store: SqliteStore = new SqliteStore(path, sqliteMigrations, () => disk?.releaseBallast() ?? false);
  const freeInStoreBytes = () => freeBytesIn(store);
  const disk = dataDir === ":memory:" ? undefined : new DiskRoom({ dir: dataDir, freeInStoreBytes });
  return {
    jobs: new SqliteJobStore(store),
    flow: new SqliteJobFlowStore(store),
    nodes: new SqliteNodeStore(store),
    enrolments: new SqliteEnrolmentStore(store),
    executions: new SqliteExecutionStore(store),
    assignments: new SqliteAssignStore(store),
    sessions: new SqliteSessionStore(store, seal),
    apiKeys: new SqliteApiKeyStore(store),
    people: new SqlitePersonStore(store),
    invitations: new SqliteInvitationStore(store),
    visits: new SqliteVisitStore(store),
    passkeys: new SqlitePasskeyStore(store),
    oneTime: new SqliteOneTimeStore(store),
    throttle: new SqliteThrottleStore(store),
    grants: new SqliteGrantStore(store),
    logs: new SqliteLogStore(store),
    leases: new MemoryLeaseStore(),
    schedules: new SqliteScheduleStore(store),
    templates: new SqliteTemplateStore(store),
    artifacts: new SqliteArtifactStore(store),
    credits: new SqliteCreditStore(store),
    audit: new SqliteAuditStore(store),
    trash: new SqliteTrashStore(store),
    secrets: new SqliteSecretStore(store),
    integrity: new SqliteIntegrityStore(store),
    retention: new SqliteRetentionStore(store),
    runs: new SqliteRunStore(store),
    stats: new SqliteStatsStore(store),
    seal,
    ...(path !== ":memory:" && { file: storeFile(path, store) }),
    shortage: () => disk?.shortage(),
    isReady: async () => (await hasRoom(dataDir)) && (await store.canWrite()),
    close: async () => store.close(),
  };
}

/** Pages given back to the disk in one step. Requests wait during a step, so it is short. */
const PAGES_PER_SHRINK = 2_000;

function storeFile(path: string, store: SqliteStore): StoreFile {
  const hold = new FileHold((pragma) => store.maintain(pragma));
  return {
    path,
    hold: () => hold.begin(),
    release: () => hold.end(),
    async shrink() {
      for (let freeBytes = freeBytesIn(store); freeBytes > 0; ) {
        store.maintain(`PRAGMA incremental_vacuum(${PAGES_PER_SHRINK})`);
        const leftBytes = freeBytesIn(store);
        // A file made before `auto_vacuum` was set cannot shrink. It reuses the free pages for new rows.
        if (leftBytes >= freeBytes) return;
        freeBytes = leftBytes;
        await new Promise(setImmediate);
      }
    },
  };
}

/** With less free, a larger change would fail even if a small one still fits. */
const MIN_FREE_BYTES = 1024 * 1024;

async function hasRoom(dataDir: string): Promise<boolean> {
  if (dataDir === ":memory:") return true;
  const { bavail, bsize } = await statfs(dataDir);
  return bavail * bsize >= MIN_FREE_BYTES;
}
