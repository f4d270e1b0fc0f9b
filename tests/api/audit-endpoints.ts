import { expect } from "bun:test";
import { createHash } from "node:crypto";
import type { Api, As } from "../support/api.ts";
import { PlayedNode } from "../support/played-node.ts";
import type { Scenarios } from "./stage.ts";

/** A scenario for the audit log: what a business did is in its log, in one chain, and in nobody else's. */
export const auditScenarios = {
  "audit.list": async ({ api }) => {
    const business = `business-${crypto.randomUUID()}`;
    const user = await api.user(business, "olga");
    const { jobId } = await api.call("jobs.submit", { command: "true", name: "first" }, user);
    await api.call("jobs.cancel", { jobId }, user);
    const { entries } = await api.call("audit.list", {}, user);
    expect(entries.map(({ seq, event }) => ({ seq, event }))).toEqual([
      { seq: 3, event: "job cancelled" },
      { seq: 2, event: "job submitted" },
      { seq: 1, event: "signed in" },
    ]);
    expect(entries[0]).toMatchObject({ actor: { kind: "user", userName: "olga" }, of: { jobId } });
    expect(entries[0]?.from).toMatch(/^(127\.0\.0\.1|::ffff:127\.0\.0\.1)$/);
    expect(entries[2]?.from).toBe("socket");
    for (const [i, { hash, ...rest }] of entries.entries()) {
      expect(createHash("sha256").update(JSON.stringify(rest)).digest("hex")).toBe(hash);
      expect(rest.previousHash).toBe(entries[i + 1]?.hash ?? "0".repeat(64));
    }
    const page = await api.call("audit.list", { limit: 2 }, user);
    expect(page.entries).toEqual(entries.slice(0, 2));
    const rest = await api.call("audit.list", { limit: 2, cursor: page.nextCursor }, user);
    expect(rest.entries).toEqual(entries.slice(2));
    expect((await api.call("audit.list", { event: "signed in" }, user)).entries).toEqual(entries.slice(2));
    const { userId } = await api.call("auth.whoami", {}, user);
    expect((await api.call("audit.list", { userId }, user)).entries).toEqual(entries);
    const since = new Date(Date.now() + 60_000).toISOString();
    expect((await api.call("audit.list", { since }, user)).entries).toEqual([]);
    const other = await api.newUser();
    expect((await api.call("audit.list", {}, other)).entries.map(({ event }) => event)).toEqual([
      "signed in",
    ]);
    await notesWhatChanged(api, await api.newUser());
  },
} satisfies Partial<Scenarios>;

/** Changes of what exists say what it was before. */
async function notesWhatChanged(api: Api, user: As): Promise<void> {
  const { nodeId } = await PlayedNode.register(api, user);
  await api.call("nodes.drain", { nodeId, drain: true }, user);
  await api.call("templates.create", { name: "one", job: { command: "true" } }, user);
  await api.call("templates.edit", { template: "one", name: "two", job: { command: "false" } }, user);
  const schedule = { cron: "0 0 1 1 *", job: { command: "true" } };
  const { scheduleId } = await api.call("schedules.create", schedule, user);
  await api.call("schedules.pause", { scheduleId }, user);
  const valueBase64 = Buffer.from("hunter2").toString("base64");
  for (let i = 0; i < 2; i++) await api.call("secrets.set", { name: "token", valueBase64 }, user);
  const { entries } = await api.call("audit.list", {}, user);
  const changes = entries.filter(({ before }) => before).map(({ before, after }) => ({ before, after }));
  expect(changes).toEqual([
    { before: { version: 1 }, after: { version: 2 } },
    { before: { status: "ACTIVE" }, after: { status: "PAUSED" } },
    { before: { name: "one", version: 1 }, after: { name: "two", version: 2 } },
    { before: { draining: false }, after: { draining: true } },
  ]);
}
