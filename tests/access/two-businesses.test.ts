import { expect, test } from "bun:test";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { type As, headersOf } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { sendArtifact } from "../support/sent-files.ts";
import { inputs, type Stage } from "./inputs.ts";
import { requestOf } from "./request.ts";

const plane = forAllTests(await TestPlane.start());
const { api } = plane;
const ID =
  /\b(?:job|exe|node|usr|biz|ses|crd|sch|fire|tpl|art|key|enr|inv|aud|trash)_[0-9a-hjkmnp-tv-z]{26}\b/g;

/** A business with one of everything. The data of each is the same but for the word. */
async function businessWith(word: string) {
  const user = await api.user(`of-${word}`, `person-${word}`);
  const labels = { same: "same", word };
  const node = await PlayedNode.register(api, user, { name: `node-${word}`, labels: { same: "same", word } });
  const work = { name: "same", command: ["echo", word], env: { WORD: word }, labels };
  const { jobId } = await api.call("jobs.submit", work, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  await node.log(executionId, 1, [`line of ${word}`]);
  const output = { kind: "output" as const, executionId, name: "same" };
  const made = await sendArtifact(api, node.as, { same: word }, output);
  await node.report(executionId, "FAILED", { exitCode: 1, message: `no ${word}` });
  const waiting = await api.call("jobs.submit", { ...work, labels: { never: word } }, user);
  await api.call("schedules.create", { cron: "0 0 1 1 *", name: "same", job: work }, user);
  await api.call("templates.create", { name: "same", description: word, job: work }, user);
  await api.call("secrets.set", { name: "same", valueBase64: btoa(word) }, user);
  await api.call("secrets.set", { name: word, valueBase64: btoa("same") }, user);
  await api.call("api-keys.create", { name: word }, user);
  await api.call("enrolments.create", { labels: { word } }, user);
  await api.call("members.invite", { role: "viewer", email: `${word}@example.org` }, user);
  await api.call("credits.grant", { user: `person-${word}`, amountMicroUsd: 1, reason: word }, user);
  return { word, user, node, jobId, executionId, waitingId: waiting.jobId, artifactId: made.artifactId };
}

const ours = await businessWith("heron");
const theirs = await businessWith("otter");
const shared = new Set(idsIn(JSON.stringify(await api.call("templates.list", { builtin: true }, ours.user))));
/** Endpoints that change who calls. */
const skipped: readonly EndpointId[] = ["auth.logout", "auth.set-password", "auth.set-email"];
const known = (Object.entries(endpoints) as [EndpointId, Endpoint][]).filter(
  ([id, { callers }]) => callers.includes("user") && !skipped.includes(id) && inputs[id] !== undefined,
);
const theirIds = new Set<string>();

test("no answer to one business has an id or a word of another, whatever it asks for", async () => {
  // Everything that the other business sees of itself is what ours must not see.
  for (const [id, endpoint] of known) {
    const { text } = await asked(id, endpoint, theirs.user, stageOf(theirs));
    for (const one of idsIn(text)) if (!shared.has(one)) theirIds.add(one);
  }
  expect(theirIds.size).toBeGreaterThan(40);
  const leaks: string[] = [];
  for (const [id, endpoint] of known) {
    for (const stage of [stageOf(ours), stageOf(theirs)]) {
      const { text, said } = await asked(id, endpoint, ours.user, stage);
      leaks.push(...leaksIn(text, said).map((leak) => `${id}: ${leak}`));
    }
  }
  expect(leaks).toEqual([]);
});

test("lists, searches by the same names and labels, and error texts stay in their business", async () => {
  const { jobId, executionId, waitingId, artifactId, node } = theirs;
  const own = ours;
  const asks: [EndpointId, object][] = [
    ["jobs.list", { labels: { same: "same" } }],
    ["jobs.list", { name: "*", idPrefix: "job_0" }],
    ["jobs.list", { arrayId: jobId }],
    ["jobs.retrieve", { jobId }],
    ["jobs.why", { jobId: waitingId }],
    ["jobs.why", { jobId: own.waitingId }],
    ["jobs.dry-run", { command: "true", labels: { word: "otter" } }],
    ["jobs.submit", { command: "true", after: [jobId] }],
    ["jobs.submit", { command: "true", inputs: [{ from: `artifact:${artifactId}` }] }],
    ["jobs.submit", { command: "true", inputs: [{ from: `job:${jobId}/same` }] }],
    ["jobs.submit", { command: "true", secretEnv: { WORD: "otter" } }],
    ["jobs.delete", { jobIds: [jobId] }],
    ["executions.list", { jobId }],
    ["executions.list", { nodeId: node.nodeId }],
    ["executions.retrieve", { executionId }],
    ["templates.retrieve", { template: "same" }],
    ["artifacts.list", { jobId }],
    ["audit.list", {}],
    ["audit.list", { event: "job submitted" }],
    ["credits.ledger", {}],
    ["credits.grant", { user: "person-otter", amountMicroUsd: 1, reason: "x" }],
    ["members.list", {}],
    ["members.change-role", { user: "person-otter", role: "viewer" }],
    ["members.remove", { user: "person-otter" }],
    ["members.remove", { user: "otter@example.org" }],
    ["nodes.list", {}],
    ["secrets.list", {}],
    ["schedules.list", {}],
    ["api-keys.list", { all: true }],
    ["enrolments.list", {}],
    ["members.invitations", {}],
  ];
  const leaks: string[] = [];
  for (const [id, input] of asks) {
    const said = JSON.stringify(input);
    const text = await (await api.send(id, said, own.user)).text();
    leaks.push(...leaksIn(text, said).map((leak) => `${id}: ${leak}`));
  }
  expect(leaks).toEqual([]);
  expect((await api.call("members.list", {}, theirs.user)).members).toHaveLength(1);
});

test("a log that is followed, and a wait, get nothing of the same work in another business", async () => {
  const [one, other] = [await running(ours), await running(theirs)];
  const follow = await api.fetch(`/api/compute/jobs/${one.jobId}/logs/stream`, {
    headers: headersOf(ours.user),
  });
  await theirs.node.log(other.executionId, 1, ["line of otter"]);
  await ours.node.log(one.executionId, 1, ["line of heron"]);
  await theirs.node.report(other.executionId, "SUCCEEDED", { exitCode: 0 });
  await ours.node.report(one.executionId, "SUCCEEDED", { exitCode: 0 });
  const text = await follow.text();
  expect(text).toContain("line of heron");
  expect(text).not.toContain("otter");
  // The nodes of one business report nothing about the other's.
  expect(await ours.node.log(other.executionId, 2, ["forged"])).toBe("stale");
  expect(await ours.node.report(other.executionId, "FAILED", { exitCode: 1 })).toBe("stale");
});

async function running({ user, node, word }: typeof ours) {
  const { jobId } = await api.call("jobs.submit", { command: "same", labels: { word } }, user);
  const { executionId } = await node.take();
  await node.report(executionId, "RUNNING");
  return { jobId, executionId };
}

function stageOf({ user, jobId, executionId }: { user: As; jobId: string; executionId: string }): Stage {
  return { plane, api, mia: user, running: { jobId, executionId }, isPerson: true };
}

async function asked(id: EndpointId, endpoint: Endpoint, as: As, stage: Stage) {
  const input = (await inputs[id]?.(stage)) ?? {};
  const { path, init } = requestOf(endpoint, input);
  const headers = { ...init.headers, ...headersOf(as) };
  const response = await api.fetch(path, { ...init, headers });
  return { text: await response.text(), said: JSON.stringify(input) };
}

function idsIn(text: string): string[] {
  return text.match(ID) ?? [];
}

/** What of the other business is in a text, apart from what was asked for. */
function leaksIn(text: string, said: string): string[] {
  const ids = idsIn(text).filter((one) => theirIds.has(one) && !said.includes(one));
  const hasWord = text.includes("otter") && !said.includes("otter");
  return [...ids, ...(hasWord ? [text.slice(0, 400)] : [])];
}
