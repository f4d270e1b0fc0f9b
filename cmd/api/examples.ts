import { CALLS_PROTOCOL } from "../../shared/call-frames.ts";
import type { EndpointId } from "../../shared/endpoints/index.ts";

const jobId = "job_01m8k1bg4depbsf22sf4s1hm5w";
const templateId = "tpl_01m8k1bg4depbsf22sf4s1hm5w";
const nodeId = "node_01m8k1bfw2f0ph3vyx0qsd6s8t";
const executionId = "exe_01m8k1bg9wfyaqhwqz2g4z6q0c";

const treeDigest = "5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef";

const job = {
  jobId,
  businessId: "biz_01m8k1aaaaeyaqhwqz2g4z6q0c",
  userId: "usr_01m8k1aaabeyaqhwqz2g4z6q0c",
  name: "train",
  type: "COMMAND",
  command: ["python3", "/srv/train.py"],
  status: "RUNNING",
  pool: "default",
  labels: { arch: "arm64" },
  resources: { cpu: 2, memoryMb: 4096, gpuCount: 1 },
  env: { EPOCHS: "3" },
  graceSeconds: 10,
  timeoutSeconds: 3600,
  maxRetries: 2,
  priority: 0,
  attempt: 1,
  retryCount: 0,
  lostCount: 0,
  executionId,
  nodeId,
  createdAt: "2026-01-31T12:00:00.000Z",
  assignedAt: "2026-01-31T12:00:00.010Z",
  startedAt: "2026-01-31T12:00:00.020Z",
};
const queued = {
  ...job,
  status: "QUEUED",
  attempt: 0,
  executionId: undefined,
  nodeId: undefined,
  assignedAt: undefined,
  startedAt: undefined,
};
const over = {
  ...job,
  status: "SUCCESS",
  exitCode: 0,
  cpuSeconds: 41.2,
  peakMemoryMb: 812,
  finishedAt: "2026-01-31T12:01:00.000Z",
};

const template = {
  name: "resize",
  parameters: [{ name: "width", type: "number", required: true }],
  job: { command: ["convert", "/srv/in.png", "-resize", "{{width}}", "/srv/out.png"] },
};

const artifactId = "art_01m8k1bhp0f2g8y7w6v5t4s3r2";
const digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
const tree = { sha256: digest, size: 190, parts: [digest] };

const artifact = {
  artifactId,
  businessId: job.businessId,
  userId: job.userId,
  kind: "upload",
  name: "site",
  type: "directory",
  tree,
  files: 1,
  bytes: 4,
  createdAt: "2026-01-31T12:00:00.000Z",
  expiresAt: "2026-02-07T12:00:00.000Z",
};
const attached = {
  ...{
    ...artifact,
    kind: "attached",
    name: "report.txt",
    type: "file",
    bytes: 9,
    jobId,
    expiresAt: undefined,
  },
};
const linkBase = "http://127.0.0.1:7070/api/compute/artifacts";
const link = `business=${job.businessId}&expires=1769861700&signature=s9weLUCAIyKQKllzrcWGC6d2CelfpXGEc8-6CDmjN7c`;

const invitationId = "inv_01m8k1bj9c8y3fq6w5v4t3s2r1";
const invitation = {
  invitationId,
  role: "member",
  email: "ben@example.org",
  invitedBy: "anna",
  createdAt: "2026-01-31T12:00:00.000Z",
  expiresAt: "2026-02-07T12:00:00.000Z",
};
const enrolmentId = "enr_01m8k1bj2c8y3fq6w5v4t3s2r1";
const enrolment = {
  enrolmentId,
  uses: 5,
  used: 0,
  pool: "farm",
  labels: { rack: "4" },
  createdAt: "2026-01-31T12:00:00.000Z",
  createdBy: "ada",
  expiresAt: "2026-01-31T13:00:00.000Z",
};

/** Bodies and answers that show more than the smallest ones. All others are made from the schemas. */
export const examples: Partial<Record<EndpointId, { body?: unknown; answer?: unknown }>> = {
  "credits.spend": {
    body: { since: "2026-01-01T00:00:00.000Z" },
    answer: {
      costMicroUsd: 41_200,
      executions: 2,
      days: [{ day: "2026-01-31", costMicroUsd: 41_200, executions: 2 }],
      jobs: [{ jobId, name: "train", templateId, costMicroUsd: 41_200, executions: 2 }],
      templates: [{ templateId, name: "python", costMicroUsd: 41_200, executions: 2 }],
      more: false,
    },
  },
  "nodes.logs": {
    body: {
      batches: [
        {
          executionId,
          seq: 1,
          runs: [
            ["o", "2026-01-31T12:00:00.000Z", "one\ntwo\nthree", 0, 3],
            ["e", "2026-01-31T12:00:00.004Z", "four"],
          ],
        },
      ],
    },
    answer: { stored: [4] },
  },
  "jobs.submit": {
    body: {
      name: "train",
      command: ["python3", "/srv/train.py"],
      labels: { arch: "arm64" },
      resources: { cpu: 2, memoryMb: 4096, gpuCount: 1 },
      env: { EPOCHS: "3" },
      timeoutSeconds: 3600,
      maxRetries: 2,
    },
    answer: queued,
  },
  "jobs.retrieve": { body: { jobId, waitSeconds: 30 }, answer: over },
  "jobs.list": {
    body: { status: ["FAILED", "TIMEOUT"], limit: 20 },
    answer: { jobs: [over], nextCursor: "eyJhIjoxfQ" },
  },
  "jobs.cancel": {
    body: { jobId },
    answer: { ...job, cancelRequestedAt: "2026-01-31T12:00:30.000Z" },
  },
  "jobs.retry": { body: { jobId }, answer: { ...queued, queuedAgain: 1, skippedDependents: 0 } },
  "jobs.dry-run": { body: { command: ["python3", "/srv/train.py"], resources: { gpuCount: 1 } } },
  "jobs.submit-batch": {
    body: { jobs: [{ command: ["echo", "1"] }, { command: ["echo", "2"], idempotencyKey: "second" }] },
  },
  "enrolments.create": {
    body: { ttlSeconds: 3_600, uses: 5, pool: "farm", labels: { rack: "4" } },
    answer: { ...enrolment, token: "tnve_…", serverUrl: "https://compute.example.org" },
  },
  "enrolments.list": { answer: { enrolments: [enrolment] } },
  "members.invite": {
    body: { role: "member", email: "ben@example.org" },
    answer: { ...invitation, url: "https://compute.example.org/invitation/Hq0…", mailed: true },
  },
  "members.invitations": { answer: { invitations: [invitation] } },
  "members.revoke-invitation": { body: { invitationId }, answer: { invitationId } },
  "enrolments.revoke": {
    body: { enrolmentId, nodes: true },
    answer: { ...enrolment, used: 1, revokedAt: "2026-01-31T12:30:00.000Z", endedNodes: [nodeId] },
  },
  "nodes.poll": {
    answer: { status: "ACTIVE", cancel: [], abandon: [], now: "2026-01-31T12:00:00.000Z", assignments: [] },
  },
  "nodes.socket": { answer: { protocols: [CALLS_PROTOCOL] } },
  "nodes.workflow-events": {
    body: {
      executionId,
      from: 0,
      events: [{ type: "job", job: { key: "build", name: "build", status: "in_progress" } }],
    },
    answer: { stored: 1 },
  },
  "nodes.inputs": {
    body: { executionId },
    answer: {
      inputs: [
        {
          to: "data",
          artifactId: "art_01m8k1bg5gexbsf22sf4s1hm5w",
          type: "directory",
          tree: { sha256: treeDigest, size: 512, parts: [treeDigest] },
          field: "inputs.0.from",
        },
      ],
      env: { VERSION: "1.2" },
      secretEnv: { TOKEN: "c2VjcmV0" },
      secretFiles: {},
      notes: [],
    },
  },
  "templates.create": { body: template },
  "templates.edit": { body: { template: "resize", ...template } },
  "nodes.list": { body: { status: ["ACTIVE"] } },
  "executions.list": { body: { jobId } },
  "artifacts.create": {
    body: { name: "site", kind: "upload", type: "directory", tree, ttlSeconds: 604_800 },
    answer: { artifact },
  },
  "artifacts.list": { answer: { artifacts: [artifact] } },
  "artifacts.retrieve": { answer: artifact },
  "artifacts.files": {
    answer: {
      entries: [
        { type: "directory", path: "css", mode: 0o755 },
        {
          type: "file",
          path: "css/site.css",
          mode: 0o644,
          mtimeMs: 1_769_860_800_000,
          size: 4,
          sha256: digest,
        },
      ],
    },
  },
  "artifacts.presign-upload": {
    body: { jobId, name: "report.txt", size: 9 },
    answer: {
      artifactId,
      method: "PUT",
      url: `${linkBase}/upload/${jobId}/${artifactId}?name=report.txt&size=9&user=${job.userId}&${link}`,
      expiresAt: "2026-01-31T12:15:00.000Z",
    },
  },
  "artifacts.presign-download": {
    body: { jobId, artifactId },
    answer: {
      method: "GET",
      url: `${linkBase}/download/${jobId}/${artifactId}?size=9&${link}`,
      expiresAt: "2026-01-31T12:15:00.000Z",
      size: 9,
      sha256: digest,
    },
  },
  "artifacts.upload": { answer: { artifact: attached } },
  "schedules.create": {
    body: {
      name: "nightly",
      cron: "30 2 * * *",
      timeZone: "Europe/Berlin",
      job: { command: "/srv/backup.sh" },
    },
  },
};
