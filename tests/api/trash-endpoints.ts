import { expect } from "bun:test";
import type { Api, As } from "../support/api.ts";
import { sendArtifact } from "../support/sent-files.ts";
import type { Scenarios } from "./stage.ts";

/** A scenario for each endpoint of the trash: what one deletion of each kind takes, and how it comes back. */
export const trashScenarios = {
  "trash.list": async ({ api }) => {
    const user = await api.newUser();
    const first = await api.call("jobs.delete", { jobIds: [await endedJob(api, user)] }, user);
    const { templateId } = await api.call("templates.create", { name: "scale", job: JOB }, user);
    const second = await api.call("templates.delete", { template: templateId }, user);
    const { entries } = await api.call("trash.list", {}, user);
    expect(entries.map(({ trashId }) => trashId)).toEqual([second.trashId ?? "", first.trashId ?? ""]);
    expect(entries[0]).toMatchObject({
      kind: "template",
      name: "scale",
      items: [templateId],
      deletedBy: "tester",
    });
    const days =
      (Date.parse(entries[0]?.expiresAt ?? "") - Date.parse(entries[0]?.deletedAt ?? "")) / 86_400_000;
    expect(days).toBe(30);
    const page = await api.call("trash.list", { limit: 1 }, user);
    expect(page.entries).toEqual(entries.slice(0, 1));
    expect((await api.call("trash.list", { cursor: page.nextCursor }, user)).entries).toEqual(
      entries.slice(1),
    );
    expect((await api.call("trash.list", {}, await api.newUser())).entries).toEqual([]);
  },

  "trash.restore": async ({ api }) => {
    const user = await api.newUser();
    const jobId = await endedJob(api, user);
    const before = await api.call("jobs.retrieve", { jobId }, user);
    const { trashId: jobs = "" } = await api.call("jobs.delete", { jobIds: [jobId] }, user);
    expect((await api.refused("jobs.retrieve", { jobId }, user)).code).toBe("not_found");
    expect((await api.call("jobs.list", {}, user)).jobs).toEqual([]);
    await api.call("trash.restore", { trashId: jobs }, user);
    expect(await api.call("jobs.retrieve", { jobId }, user)).toEqual(before);
    expect((await api.refused("trash.restore", { trashId: jobs }, user)).code).toBe("not_found");
    await restoresATemplate(api, user);
    await restoresASchedule(api, user);
    await restoresAnArtifact(api, user);
    await restoresASecret(api, user);
  },

  "trash.empty": async ({ api }) => {
    const user = await api.newUser();
    const jobId = await endedJob(api, user);
    const { trashId = "" } = await api.call("jobs.delete", { jobIds: [jobId] }, user);
    expect((await api.refused("trash.empty", { trashId }, await api.newUser())).code).toBe("not_found");
    expect(await api.call("trash.empty", { trashId }, user)).toMatchObject({ trashId, items: [jobId] });
    expect((await api.call("trash.list", {}, user)).entries).toEqual([]);
    expect((await api.refused("trash.restore", { trashId }, user)).code).toBe("not_found");
  },
} satisfies Partial<Scenarios>;

const JOB = { command: "true" };

async function endedJob(api: Api, user: As): Promise<string> {
  const { jobId } = await api.call("jobs.submit", JOB, user);
  await api.call("jobs.cancel", { jobId }, user);
  return jobId;
}

/** Its name is free while it is in the trash, and must be free to come back. */
async function restoresATemplate(api: Api, user: As): Promise<void> {
  const made = await api.call("templates.create", { name: "mine", job: JOB }, user);
  const { trashId = "" } = await api.call("templates.delete", { template: "mine" }, user);
  const other = await api.call("templates.create", { name: "mine", job: JOB }, user);
  const taken = await api.refused("trash.restore", { trashId }, user);
  expect(taken).toMatchObject({ code: "conflict", detail: expect.stringContaining("another template") });
  await api.call("templates.delete", { template: other.templateId }, user);
  await api.call("trash.restore", { trashId }, user);
  expect(await api.call("templates.retrieve", { template: "mine" }, user)).toEqual(made);
}

async function restoresASchedule(api: Api, user: As): Promise<void> {
  const input = { cron: "0 0 1 1 *", job: JOB, name: "yearly" };
  const { scheduleId } = await api.call("schedules.create", input, user);
  const { trashId = "" } = await api.call("schedules.delete", { scheduleId }, user);
  expect((await api.call("schedules.list", {}, user)).schedules).toEqual([]);
  await api.call("trash.restore", { trashId }, user);
  expect(await api.call("schedules.retrieve", { scheduleId }, user)).toMatchObject({ status: "PAUSED" });
}

async function restoresAnArtifact(api: Api, user: As): Promise<void> {
  const { artifactId } = await sendArtifact(api, user, { "a.txt": "content" });
  const before = await api.call("artifacts.retrieve", { artifactId }, user);
  const { trashId = "" } = await api.call("artifacts.delete", { artifactIds: [artifactId] }, user);
  expect((await api.refused("artifacts.retrieve", { artifactId }, user)).code).toBe("not_found");
  await api.call("trash.restore", { trashId }, user);
  expect(await api.call("artifacts.retrieve", { artifactId }, user)).toEqual(before);
}

async function restoresASecret(api: Api, user: As): Promise<void> {
  const valueBase64 = Buffer.from("hunter2").toString("base64");
  const set = await api.call("secrets.set", { name: "token", valueBase64 }, user);
  const { trashId = "" } = await api.call("secrets.delete", { names: ["token"] }, user);
  expect((await api.call("secrets.list", {}, user)).secrets).toEqual([]);
  await api.call("trash.restore", { trashId }, user);
  expect((await api.call("secrets.list", {}, user)).secrets).toEqual([set]);
}
