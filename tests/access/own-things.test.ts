import { expect, test } from "bun:test";
import type { CallId } from "../../shared/endpoints/index.ts";
import { type As, readProblem } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestPlane } from "../support/plane.ts";
import { describeNode, PlayedNode } from "../support/played-node.ts";
import { sendArtifact } from "../support/sent-files.ts";
import { teamOf } from "./team.ts";

const plane = forAllTests(await TestPlane.start());
const { api } = plane;
const { anna, bert, ada, vera } = await teamOf(plane, "acme", {
  olga: "owner",
  ada: "admin",
  anna: "member",
  bert: "member",
  vera: "viewer",
});

const JOB = { command: "true", labels: { never: "there" } };
const TEMPLATE = { job: { command: "true" } };
const SCHEDULE = { cron: "0 0 1 1 *", job: JOB };

interface Things {
  jobId: string;
  scheduleId: string;
  template: string;
  nodeId: string;
  artifactId: string;
}

async function thingsOf(user: As): Promise<Things> {
  const { jobId } = await api.call("jobs.submit", JOB, user);
  const { scheduleId } = await api.call("schedules.create", { ...SCHEDULE, name: "nightly" }, user);
  const template = `template-${crypto.randomUUID().slice(0, 8)}`;
  await api.call("templates.create", { name: template, ...TEMPLATE }, user);
  const { nodeId } = await PlayedNode.register(api, user, { labels: { only: "here" } });
  const { artifactId } = await sendArtifact(api, user, { "a.txt": crypto.randomUUID() });
  return { jobId, scheduleId, template, nodeId, artifactId };
}

function changesOf({ jobId, scheduleId, template, nodeId, artifactId }: Things): [CallId, object][] {
  return [
    ["jobs.cancel", { jobId }],
    ["jobs.retry", { jobId }],
    ["schedules.pause", { scheduleId }],
    ["schedules.resume", { scheduleId }],
    ["schedules.run", { scheduleId }],
    ["schedules.delete", { scheduleId }],
    ["templates.edit", { template, job: { command: "false" } }],
    ["templates.delete", { template }],
    ["nodes.drain", { nodeId, drain: true }],
    ["nodes.grant", { nodeId, slots: 2_000 }],
    ["nodes.rotate-key", { nodeId }],
    ["nodes.register", { ...describeNode(), nodeId }],
    ["artifacts.presign-upload", { jobId, name: "x", size: 1 }],
    ["artifacts.delete", { artifactIds: [artifactId] }],
  ];
}

test("a member changes only their own; an admin changes everybody's", async () => {
  for (const [by, isAllowed] of [
    [bert, false],
    [anna, true],
    [ada, true],
  ] as const) {
    for (const [id, input] of changesOf(await thingsOf(anna))) {
      const response = await api.send(id, JSON.stringify(input), by);
      expect({ id, status: response.status }).toEqual({ id, status: isAllowed ? 200 : 403 });
    }
  }
});

test("a refusal says to whom it belongs, and whom to ask", async () => {
  const { jobId, nodeId } = await thingsOf(anna);
  expect((await api.refused("jobs.cancel", { jobId }, bert)).detail).toBe(
    `Job ${jobId} belongs to anna. Your role in acme is member, which lets you change only what is yours. Ask anna, or an owner or an admin of acme.`,
  );
  expect((await api.refused("nodes.delete", { nodeId }, bert)).detail).toStartWith(
    `Node played (${nodeId}) belongs to anna.`,
  );
  expect((await api.refused("jobs.submit", JOB, vera)).detail).toBe(
    "Your role in acme is viewer; this takes an owner, an admin or a member. Ask an owner or an admin of acme.",
  );
  expect(
    (await api.refused("credits.grant", { user: "ada", amountMicroUsd: 1, reason: "x" }, ada)).detail,
  ).toBe("Your role in acme is admin; this takes an owner. Ask an owner of acme.");
});

test("a member's change of many jobs, or of a list of jobs, spares those of others", async () => {
  const labels = { batch: crypto.randomUUID() };
  const submit = async (user: As) => (await api.call("jobs.submit", { ...JOB, labels }, user)).jobId;
  const [theirs, own] = [await submit(anna), await submit(bert)];
  const statusOf = async (jobId: string) => (await api.call("jobs.retrieve", { jobId }, vera)).status;
  const one = { matched: 1, changed: 1 };
  expect(await api.call("jobs.cancel-matching", { labels }, bert)).toMatchObject(one);
  expect([await statusOf(theirs), await statusOf(own)]).toEqual(["QUEUED", "CANCELLED"]);
  await api.call("jobs.cancel", { jobId: theirs }, anna);
  expect(await api.call("jobs.retry-matching", { labels }, bert)).toMatchObject(one);
  expect([await statusOf(theirs), await statusOf(own)]).toEqual(["CANCELLED", "QUEUED"]);
  await api.call("jobs.cancel", { jobId: own }, ada);
  const { results } = await api.call("jobs.delete", { jobIds: [theirs, own] }, bert);
  expect(results.map((one) => one.outcome)).toEqual(["not-yours", "deleted"]);
  expect(await api.call("jobs.delete-matching", { labels }, bert)).toMatchObject({ matched: 0 });
  expect(await api.call("jobs.delete-matching", { labels }, ada)).toMatchObject(one);
});

test("a template still belongs to who made it after somebody else has edited it", async () => {
  const { template } = await thingsOf(anna);
  await api.call("templates.edit", { template, job: { command: "false" } }, ada);
  expect((await api.refused("templates.delete", { template }, bert)).detail).toContain("belongs to anna");
  await api.call("templates.delete", { template }, anna);
});

test("what a job has made belongs to who submitted it", async () => {
  const label = crypto.randomUUID();
  const node = await PlayedNode.register(api, anna, { labels: { only: label } });
  await api.call("jobs.submit", { command: "true", labels: { only: label } }, bert);
  const { executionId } = await node.take();
  const { artifactId } = await sendArtifact(api, node.as, { out: label }, { kind: "output", executionId });
  const artifactIds = [artifactId];
  expect((await api.refused("artifacts.delete", { artifactIds }, anna)).detail).toContain("belongs to bert");
  expect(await api.call("artifacts.delete", { artifactIds }, bert)).toMatchObject({ deleted: artifactIds });
});

test("two people who keep the same file have an artifact each", async () => {
  const same = { "same.txt": crypto.randomUUID() };
  const [one, other] = [await sendArtifact(api, anna, same), await sendArtifact(api, bert, same)];
  expect(other.artifactId).not.toBe(one.artifactId);
  expect((await sendArtifact(api, anna, same)).artifactId).toBe(one.artifactId);
});

test("a new role applies on the next request with the same token", async () => {
  const { eva } = await teamOf(plane, "acme", { eva: "member" });
  const { businessId, userId } = await api.call("auth.whoami", {}, eva);
  await api.call("jobs.submit", JOB, eva);
  expect(await plane.stores.people.changeRole(businessId, userId, "viewer")).toBe("changed");
  expect((await readProblem(await api.send("jobs.submit", JSON.stringify(JOB), eva))).code).toBe("forbidden");
  expect((await api.call("auth.whoami", {}, eva)).role).toBe("viewer");
});
