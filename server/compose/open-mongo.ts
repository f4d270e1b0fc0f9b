import { apiKeySteps, MongoApiKeyStore } from "../api-key/api-key-store.mongo.ts";
import { artifactSteps, MongoArtifactStore } from "../artifact/artifact-store.mongo.ts";
import { auditSteps, MongoAuditStore } from "../audit/audit-store.mongo.ts";
import { invitationSteps, MongoInvitationStore } from "../auth/invitation-store.mongo.ts";
import { MongoOneTimeStore, oneTimeSteps } from "../auth/one-time-store.mongo.ts";
import { MongoPersonStore, personSteps } from "../auth/person-store.mongo.ts";
import type { Seal } from "../auth/seal.ts";
import { authSteps, MongoSessionStore } from "../auth/session-store.mongo.ts";
import { GridFsBlobs } from "../blob/gridfs-blobs.ts";
import { creditSteps } from "../credit/credit-documents.mongo.ts";
import { MongoCreditStore } from "../credit/credit-store.mongo.ts";
import { MongoAssignStore } from "../dispatch/assign-store.mongo.ts";
import { enrolmentSteps, MongoEnrolmentStore } from "../enrolment/enrolment-store.mongo.ts";
import { MongoExecutionStore } from "../execution/execution-store.mongo.ts";
import { MongoIntegrityStore } from "../integrity/integrity-store.mongo.ts";
import { flowSteps, MongoJobFlowStore } from "../job/flow-store.mongo.ts";
import { executionSteps, jobSteps } from "../job/job-migrations.mongo.ts";
import { MongoJobStore } from "../job/job-store.mongo.ts";
import { RecentJobs } from "../job/recent-jobs.mongo.ts";
import { logSteps } from "../log/log-documents.mongo.ts";
import { MongoLogStore } from "../log/log-store.mongo.ts";
import { nodeSteps } from "../node/node-documents.mongo.ts";
import { MongoNodeStore } from "../node/node-store.mongo.ts";
import { MongoGrantStore, oauthSteps } from "../oauth/grant-store.mongo.ts";
import { MongoVisitStore, visitSteps } from "../pages/visit-store.mongo.ts";
import { MongoPasskeyStore, passkeySteps } from "../people/passkey-store.mongo.ts";
import { MongoRetentionStore, retentionSteps } from "../retention/retention-store.mongo.ts";
import { MongoScheduleStore, scheduleSteps } from "../schedule/schedule-store.mongo.ts";
import { MongoSecretStore, secretSteps } from "../secret/secret-store.mongo.ts";
import { MongoStatsStore, statsSteps } from "../stats/stats-store.mongo.ts";
import { refuseHalfMoved } from "../store/half-moved.ts";
import { MongoStore } from "../store/mongo.ts";
import { MongoLeaseStore } from "../tasks/lease-store.mongo.ts";
import { MongoTemplateStore, templateSteps } from "../template/template-store.mongo.ts";
import { MongoThrottleStore, throttleSteps } from "../throttle/throttle-store.mongo.ts";
import { MongoTrashStore, trashSteps } from "../trash/trash-store.mongo.ts";
import { MongoRunStore, workflowSteps } from "../workflow/run-store.mongo.ts";
import type { Stores } from "./stores.ts";

export const mongoSteps = [
  ...authSteps,
  ...personSteps,
  ...invitationSteps,
  ...visitSteps,
  ...oneTimeSteps,
  ...passkeySteps,
  ...throttleSteps,
  ...jobSteps,
  ...flowSteps,
  ...executionSteps,
  ...nodeSteps,
  ...logSteps,
  ...scheduleSteps,
  ...templateSteps,
  ...creditSteps,
  ...retentionSteps,
  ...secretSteps,
  ...artifactSteps,
  ...workflowSteps,
  ...enrolmentSteps,
  ...oauthSteps,
  ...auditSteps,
  ...apiKeySteps,
  ...trashSteps,
  ...statsSteps,
];

export async function openMongo(url: string, seal: Seal): Promise<Stores> {
  const store = await MongoStore.open(url, mongoSteps);
  try {
    await store.attempt(() => refuseHalfMoved(store));
  } catch (error) {
    await store.close();
    throw error;
  }
  const recent = new RecentJobs();
  const assignments = new MongoAssignStore(store, recent);
  return {
    jobs: new MongoJobStore(store, recent, assignments.placer),
    flow: new MongoJobFlowStore(store),
    nodes: new MongoNodeStore(store),
    enrolments: new MongoEnrolmentStore(store),
    executions: new MongoExecutionStore(store),
    assignments,
    sessions: new MongoSessionStore(store, seal),
    apiKeys: new MongoApiKeyStore(store),
    people: new MongoPersonStore(store),
    invitations: new MongoInvitationStore(store),
    visits: new MongoVisitStore(store),
    passkeys: new MongoPasskeyStore(store),
    oneTime: new MongoOneTimeStore(store),
    throttle: new MongoThrottleStore(store),
    grants: new MongoGrantStore(store),
    logs: new MongoLogStore(store),
    leases: new MongoLeaseStore(store),
    schedules: new MongoScheduleStore(store),
    templates: new MongoTemplateStore(store),
    artifacts: new MongoArtifactStore(store),
    credits: new MongoCreditStore(store),
    audit: new MongoAuditStore(store),
    trash: new MongoTrashStore(store),
    secrets: new MongoSecretStore(store),
    integrity: new MongoIntegrityStore(store),
    retention: new MongoRetentionStore(store),
    runs: new MongoRunStore(store),
    stats: new MongoStatsStore(store),
    seal,
    gridFs: () => new GridFsBlobs(store),
    clock: store.clock,
    isReady: () => store.isReady(),
    endAbandoned: () => store.endAbandoned(),
    close: () => store.close(),
  };
}
