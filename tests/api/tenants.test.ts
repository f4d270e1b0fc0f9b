import { beforeAll, expect, test } from "bun:test";
import { type CallId, type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import type { TreeEntry } from "../../shared/files/tree.ts";
import { treeLine } from "../../shared/files/tree-line.ts";
import { type As, headersOf, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { describeNode, PlayedNode } from "../support/played-node.ts";
import { entriesOf, packOf, sendArtifact, sendFiles, sendPack, storedTreeOf } from "../support/sent-files.ts";
import { TestServer } from "../support/server.ts";
import { runningJob } from "./job-endpoints.ts";

const server = forAllTests(await TestServer.start());
let mine: {
  user: As;
  node: PlayedNode;
  jobId: string;
  executionId: string;
  invitationId: string;
  template: string;
  artifactId: string;
  apiKeyId: string;
  enrolmentId: string;
};
let theirs: { user: As; node: PlayedNode };

const TEMPLATE_JOB = { command: "true" };

beforeAll(async () => {
  const { api } = server;
  const user = await api.user("mine", "anna");
  const { templateId } = await api.call("templates.create", { name: "mine", job: TEMPLATE_JOB }, user);
  const { artifactId } = await sendArtifact(api, user, { "mine.txt": "mine" });
  const { apiKeyId } = await api.call("api-keys.create", { name: "mine" }, user);
  const { enrolmentId } = await api.call("enrolments.create", {}, user);
  const { invitationId } = await api.call("members.invite", { role: "member" }, user);
  const ids = { template: templateId, artifactId, apiKeyId, enrolmentId, invitationId };
  mine = { user, ...ids, ...(await runningJob({ api, user })) };
  const other = await api.user("theirs", "bert");
  theirs = { user: other, node: await PlayedNode.register(api, other) };
});

test("an id of another business is answered like an id that does not exist", async () => {
  const { nodeId } = mine.node;
  const { jobId, executionId, template, artifactId, apiKeyId, invitationId } = mine;
  const calls: [CallId, object][] = [
    ["jobs.retrieve", { jobId }],
    ["jobs.cancel", { jobId }],
    ["jobs.retry", { jobId }],
    ["jobs.why", { jobId }],
    ["executions.retrieve", { executionId }],
    ["templates.retrieve", { template }],
    ["templates.edit", { template, job: { command: "false" } }],
    ["templates.fork", { template }],
    ["templates.delete", { template }],
    ["templates.versions", { template }],
    ["templates.preview", { template }],
    ["templates.run", { template }],
    ["templates.save-job", { jobId, name: "stolen" }],
    ["schedules.create", { cron: "0 0 * * *", template }],
    ["artifacts.retrieve", { artifactId }],
    ["artifacts.files", { artifactId }],
    ["artifacts.presign-upload", { jobId, name: "theirs", size: 1 }],
    ["artifacts.presign-download", { jobId, artifactId, path: "mine.txt" }],
    ["members.revoke-invitation", { invitationId }],
    ["nodes.retrieve", { nodeId }],
    ["nodes.drain", { nodeId }],
    ["nodes.grant", { nodeId, pool: "stolen" }],
    ["nodes.delete", { nodeId }],
    ["nodes.rotate-key", { nodeId }],
    ["enrolments.revoke", { enrolmentId: mine.enrolmentId, nodes: true }],
    ["nodes.register", { ...describeNode(), nodeId }],
    ["api-keys.revoke", { apiKeyId }],
  ];
  // A new endpoint that takes an id must be in this list, or its answer to a stranger must be tested below.
  const tested: EndpointId[] = [
    "jobs.logs",
    "jobs.list",
    "jobs.count",
    "jobs.cancel-matching",
    "jobs.delete-matching",
    "jobs.retry-matching",
    "executions.list",
    "nodes.inputs",
    "nodes.workflow-events",
    "artifacts.list",
    "artifacts.create",
    "artifacts.upload",
    "artifacts.download",
  ];
  const covered = [...calls.map(([id]) => id), ...tested];
  expect(covered.sort()).toEqual(endpointsTakingAnId().sort());
  for (const [id, input] of calls) {
    expect({ id, code: (await server.api.refused(id, input, theirs.user)).code }).toEqual({
      id,
      code: "not_found",
    });
  }
  const stream = await server.api.fetch(`/api/compute/jobs/${jobId}/logs/stream`, {
    headers: headersOf(theirs.user),
  });
  expect((await readProblem(stream)).code).toBe("not_found");
  // None of the calls took effect.
  expect((await server.api.call("jobs.retrieve", { jobId }, mine.user)).status).toBe("RUNNING");
  await server.api.call("nodes.heartbeat", { executions: [executionId] }, mine.node.as);
});

test("a list contains nothing of another business", async () => {
  const { api } = server;
  expect((await api.call("jobs.list", {}, theirs.user)).jobs).toEqual([]);
  expect((await api.call("jobs.count", {}, theirs.user)).count).toBe(0);
  const { nodeId } = mine.node;
  expect((await api.call("jobs.list", { nodeId }, theirs.user)).jobs).toEqual([]);
  expect((await api.call("jobs.count", { nodeId }, theirs.user)).count).toBe(0);
  for (const change of ["jobs.cancel-matching", "jobs.delete-matching", "jobs.retry-matching"] as const)
    expect(await api.call(change, { nodeId }, theirs.user)).toMatchObject({ matched: 0 });
  expect((await api.call("executions.list", {}, theirs.user)).executions).toEqual([]);
  expect((await api.call("executions.list", { jobId: mine.jobId }, theirs.user)).executions).toEqual([]);
  expect((await api.call("templates.list", { builtin: false }, theirs.user)).templates).toEqual([]);
  expect((await api.call("artifacts.list", {}, theirs.user)).artifacts).toEqual([]);
  expect((await api.call("artifacts.list", { jobId: mine.jobId }, theirs.user)).artifacts).toEqual([]);
  expect((await api.call("api-keys.list", { all: true }, theirs.user)).apiKeys).toEqual([]);
  const byName = await api.refused("templates.retrieve", { template: "mine" }, theirs.user);
  expect(byName.code).toBe("not_found");
  expect((await api.call("enrolments.list", {}, theirs.user)).enrolments).toEqual([]);
  const nodes = (await api.call("nodes.list", {}, theirs.user)).nodes.map((node) => node.nodeId);
  expect(nodes).toEqual([theirs.node.nodeId]);
});

test("a node of another business cannot report on an execution, and gets none of the jobs", async () => {
  const { node } = theirs;
  const { executionId } = mine;
  expect((await server.api.refused("nodes.inputs", { executionId }, node.as)).code).toBe("not_found");
  expect(await node.report(mine.executionId, "SUCCEEDED", { exitCode: 0 })).toBe("stale");
  expect(await node.log(mine.executionId, 1, ["forged"])).toBe("stale");
  expect(await node.tell(mine.executionId, 0, [{ type: "run", run: { name: "forged" } }])).toBe("stale");
  await server.api.call("jobs.submit", { command: "true" }, mine.user);
  expect((await node.poll([], 4, 0)).assignments).toEqual([]);
});

test("another business cannot touch, read or use a blob of which it knows the digest, nor delete an artifact", async () => {
  const { api } = server;
  const { user } = theirs;
  const secret = Buffer.from("mine");
  const digests = [sha256Of(secret)];
  for (const as of [user, theirs.node.as]) {
    expect(await api.call("artifacts.missing", { digests }, as)).toEqual({ missing: digests });
    const read = await readProblem(await api.send("artifacts.read-blobs", JSON.stringify({ digests }), as));
    expect(read).toMatchObject({ code: "not_found", detail: expect.stringContaining(digests[0] ?? "") });
  }
  // A tree that names the blob, sent without the blob itself.
  const { tree, blobs } = storedTreeOf(treeLine(entriesOf({ "mine.txt": secret })[0] as TreeEntry));
  const wanted = { name: "theirs", kind: "upload" as const, type: "directory" as const, tree };
  expect(await api.call("artifacts.create", wanted, user)).toEqual({ missing: tree.parts });
  await sendPack(api, user, packOf(...blobs));
  expect(await api.call("artifacts.create", wanted, user)).toEqual({ missing: digests });
  const { artifactId } = mine;
  expect(await api.call("artifacts.delete", { artifactIds: [artifactId] }, user)).toEqual({ deleted: [] });
  expect((await api.call("artifacts.retrieve", { artifactId }, mine.user)).files).toBe(1);
});

test("a node brings outputs only of its own attempts", async () => {
  const { api } = server;
  const neighbour = await PlayedNode.register(api, mine.user, { labels: { only: "neighbour" } });
  for (const { as } of [theirs.node, neighbour]) {
    const tree = await sendFiles(api, as, { forged: "x" });
    const { executionId } = mine;
    const output = { name: "forged", kind: "output", type: "directory", tree, executionId };
    expect((await api.refused("artifacts.create", output, as)).code).toBe("not_found");
  }
});

test("a link of one business does not work for another, whatever is changed in it", async () => {
  const { api } = server;
  const { jobId } = await api.call(
    "jobs.submit",
    { command: "true", labels: { never: "there" } },
    theirs.user,
  );
  const link = await api.call("artifacts.presign-upload", { jobId, name: "x", size: 1 }, theirs.user);
  const { businessId } = await api.call("jobs.retrieve", { jobId: mine.jobId }, mine.user);
  const stolen = new URL(link.url.replace(jobId, mine.jobId));
  stolen.searchParams.set("business", businessId);
  expect((await readProblem(await fetch(stolen, { method: "PUT", body: "x" }))).code).toBe("forbidden");
});

test("one node cannot act as another node of the same business", async () => {
  const neighbour = await PlayedNode.register(server.api, mine.user, { labels: { only: "neighbour" } });
  expect(await neighbour.report(mine.executionId, "SUCCEEDED", { exitCode: 0 })).toBe("stale");
  const { nodeId } = mine.node;
  expect((await server.api.refused("nodes.rotate-key", { nodeId }, neighbour.as)).status).toBeOneOf([
    403, 404,
  ]);
  expect((await server.api.refused("nodes.drain", { nodeId }, neighbour.as)).status).toBeOneOf([403, 404]);
});

function endpointsTakingAnId(): EndpointId[] {
  const ids = Object.keys(endpoints) as EndpointId[];
  return ids.filter((id) => {
    const { shape } = endpoints[id].input;
    return (
      "artifactId" in shape ||
      "apiKeyId" in shape ||
      "template" in shape ||
      "invitationId" in shape ||
      "jobId" in shape ||
      "nodeId" in shape ||
      "executionId" in shape ||
      "enrolmentId" in shape
    );
  });
}
