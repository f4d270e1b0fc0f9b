import { expect } from "bun:test";
import { createHash } from "node:crypto";
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
  },
} satisfies Partial<Scenarios>;
