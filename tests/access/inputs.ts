import type { EndpointId } from "../../shared/endpoints/index.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { batchOf, runsOf } from "../../shared/line-runs.ts";
import type { Api, As } from "../support/api.ts";
import type { TestPlane } from "../support/plane.ts";
import { describeNode, PlayedNode } from "../support/played-node.ts";
import { packOf, sendArtifact, sendFiles, sendPack } from "../support/sent-files.ts";
import { teamOf } from "./team.ts";

/** What a request is made from: a new thing for each that will be accepted, because it may change the thing. */
export interface Stage {
  plane: TestPlane;
  api: Api;
  mia: As;
  /** A job of `mia` that runs on the node that calls, and its attempt. */
  running: { jobId: string; executionId: string };
  /** Whether a person or an API key calls. */
  isPerson: boolean;
}

type Input = (stage: Stage) => Promise<object>;
const nothing: Input = async () => ({});

/** Marks inputs that are about one thing of the business of `mia`. */
export const aboutOne = new Set<EndpointId>();

function one(id: EndpointId, input: Input): Partial<Record<EndpointId, Input>> {
  aboutOne.add(id);
  return { [id]: input };
}

const JOB = { command: "true", labels: { never: "there" } };
const job = async ({ api, mia }: Stage) => (await api.call("jobs.submit", JOB, mia)).jobId;
const over = async (stage: Stage) => {
  const jobId = await job(stage);
  await stage.api.call("jobs.cancel", { jobId }, stage.mia);
  return jobId;
};
const aJob: Input = async (stage) => ({ jobId: await job(stage) });
const schedule = { cron: "0 0 1 1 *", job: JOB, name: "yearly" };
const aSchedule: Input = async ({ api, mia }) => {
  const { scheduleId } = await api.call("schedules.create", schedule, mia);
  return { scheduleId };
};
const name = () => `n${crypto.randomUUID().slice(0, 12)}`;
const aTemplate: Input = async ({ api, mia }) => {
  const { templateId } = await api.call("templates.create", { name: name(), job: JOB }, mia);
  return { template: templateId };
};
const nodeOf = async ({ api, mia }: Stage) =>
  (await PlayedNode.register(api, mia, { labels: { only: "matrix" } })).nodeId;
const aNode: Input = async (stage) => (stage.isPerson ? { nodeId: await nodeOf(stage) } : {});
const artifact = ({ api, mia }: Stage) => sendArtifact(api, mia, { "a.txt": crypto.randomUUID() });
const anArtifact: Input = async (stage) => ({ artifactId: (await artifact(stage)).artifactId });
const labels = { labels: { never: "matched" } };
const colleague = async ({ plane }: Stage) => {
  const user = name();
  await teamOf(plane, "acme", { [user]: "viewer" });
  return { user };
};

const deletion: Input = async (stage) => {
  const jobIds = [await over(stage)];
  const { trashId = "" } = await stage.api.call("jobs.delete", { jobIds }, stage.mia);
  return { trashId };
};

/** A valid input for each endpoint that does not answer anyone. */
export const inputs: Partial<Record<EndpointId, Input>> = {
  "stats.overview": nothing,
  "stats.series": nothing,
  "activity.stream": async () => ({ follow: "false" }),
  "auth.whoami": nothing,
  "auth.businesses": nothing,
  "auth.account": nothing,
  "auth.sessions": nothing,
  "jobs.submit": async () => JOB,
  "jobs.list": nothing,
  "jobs.count": nothing,
  "jobs.dry-run": async () => JOB,
  "jobs.submit-batch": async () => ({ jobs: [JOB] }),
  "jobs.cancel-matching": async () => labels,
  "jobs.delete-matching": async () => labels,
  "jobs.retry-matching": async () => labels,
  "executions.list": nothing,
  ...one("jobs.retrieve", aJob),
  ...one("jobs.wait-tickets", async (stage) => ({ jobIds: [await job(stage)] })),
  ...one("jobs.cancel", aJob),
  ...one("jobs.retry", async (stage) => ({ jobId: await over(stage) })),
  ...one("jobs.logs", async (stage) => ({ jobId: await job(stage), follow: "false" })),
  ...one("jobs.why", aJob),
  "jobs.delete": async (stage) => ({ jobIds: [await over(stage)] }),
  ...one("executions.retrieve", async ({ running: { executionId } }) => ({ executionId })),

  ...one("nodes.register", async (stage) => ({ ...describeNode(), ...(await aNode(stage)) })),
  "nodes.heartbeat": async ({ running: { executionId } }) => ({ executions: [executionId] }),
  "nodes.poll": async ({ running: { executionId } }) => ({
    executions: [executionId],
    maxAssignments: 1,
    waitSeconds: 0,
  }),
  "nodes.result": async ({ running: { executionId } }) => ({
    reports: [{ executionId, status: "RUNNING", at: new Date().toISOString() }],
  }),
  "nodes.logs": async ({ running: { executionId } }) => ({
    batches: [
      batchOf(
        executionId,
        runsOf([{ seq: 1, stream: "stdout", at: new Date().toISOString(), text: "line" }]),
      ),
    ],
  }),
  "nodes.workflow-events": async ({ running: { executionId } }) => ({
    executionId,
    from: 0,
    events: [{ type: "run", run: { name: "x" } }],
  }),
  "nodes.inputs": async ({ running: { executionId } }) => ({ executionId }),
  "nodes.socket": nothing,
  "nodes.list": nothing,
  ...one("nodes.retrieve", aNode),
  ...one("nodes.drain", async (stage) => ({ ...(await aNode(stage)), drain: false })),
  ...one("nodes.grant", async (stage) => ({ nodeId: await nodeOf(stage), slots: 8 })),
  ...one("nodes.delete", async (stage) => {
    const nodeId = await nodeOf(stage);
    const { businessId } = await stage.api.call("auth.whoami", {}, stage.mia);
    await stage.plane.stores.nodes.update(businessId, nodeId, { offline: true });
    return { nodeId };
  }),
  ...one("nodes.rotate-key", aNode),
  "enrolments.create": nothing,
  "enrolments.list": nothing,

  "credits.balance": nothing,
  "credits.ledger": nothing,
  "credits.prices": nothing,
  "credits.spend": nothing,
  ...one("credits.grant", async () => ({ user: "mia", amountMicroUsd: 1, reason: "a test" })),

  "schedules.create": async () => schedule,
  "schedules.list": nothing,
  "schedules.preview": async () => ({ cron: "0 0 1 1 *" }),
  ...one("schedules.retrieve", aSchedule),
  ...one("schedules.pause", aSchedule),
  ...one("schedules.resume", aSchedule),
  ...one("schedules.run", aSchedule),
  ...one("schedules.delete", aSchedule),
  ...one("schedules.fires", aSchedule),
  ...one("schedules.upcoming", aSchedule),

  "templates.list": nothing,
  "templates.create": async () => ({ name: name(), job: JOB }),
  ...one("templates.retrieve", aTemplate),
  ...one("templates.edit", async (stage) => ({ ...(await aTemplate(stage)), job: { command: "false" } })),
  ...one("templates.fork", async (stage) => ({ ...(await aTemplate(stage)), name: name() })),
  ...one("templates.delete", aTemplate),
  ...one("templates.versions", aTemplate),
  ...one("templates.preview", aTemplate),
  ...one("templates.run", aTemplate),
  ...one("templates.save-job", async (stage) => ({ jobId: await job(stage), name: name() })),

  "secrets.set": async () => ({ name: name(), valueBase64: "aGVsbG8=" }),
  "secrets.list": nothing,
  "secrets.delete": async () => ({ names: [name()] }),

  "artifacts.missing": async () => ({ digests: [sha256Of(Buffer.from("x"))] }),
  "artifacts.upload-blobs": nothing,
  ...one("artifacts.read-blobs", async ({ api, mia }) => {
    const text = crypto.randomUUID();
    await sendPack(api, mia, packOf(text));
    return { digests: [sha256Of(Buffer.from(text))] };
  }),
  "artifacts.create": async ({ api, mia, isPerson, running: { executionId } }) => {
    const tree = await sendFiles(api, mia, { "b.txt": "b" });
    const kind = isPerson ? { kind: "upload" } : { kind: "output", executionId };
    return { name: name(), type: "directory", tree, ...kind };
  },
  "artifacts.list": nothing,
  ...one("artifacts.retrieve", anArtifact),
  ...one("artifacts.files", anArtifact),
  // What another business names is left out, like what does not exist.
  "artifacts.delete": async (stage) => ({ artifactIds: [(await artifact(stage)).artifactId] }),
  ...one("artifacts.presign-upload", async (stage) => ({ jobId: await job(stage), name: "x", size: 1 })),
  ...one("artifacts.presign-download", async (stage) => {
    const { artifactId } = await artifact(stage);
    const inputs = [{ from: `artifact:${artifactId}` }];
    const { jobId } = await stage.api.call("jobs.submit", { ...JOB, inputs }, stage.mia);
    return { jobId, artifactId, path: "a.txt" };
  }),

  "trash.list": nothing,
  ...one("trash.restore", deletion),
  ...one("trash.empty", deletion),
  "audit.list": nothing,
  "api-keys.create": async () => ({ name: name() }),
  "api-keys.list": nothing,
  "members.list": nothing,
  "members.invite": async () => ({ role: "viewer" }),
  "members.invitations": nothing,
  ...one("members.change-role", async (stage) => ({ ...(await colleague(stage)), role: "member" })),
  ...one("members.remove", colleague),
};
