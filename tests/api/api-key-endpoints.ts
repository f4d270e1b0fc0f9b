import { expect } from "bun:test";
import type { Scenarios } from "./stage.ts";

/** A scenario for each endpoint of API keys. What keys may do, and their limits, is tested in api-keys.test.ts. */
export const apiKeyScenarios = {
  "api-keys.create": async ({ api }) => {
    const user = await api.user("keys-made", "anna");
    const { key, ...facts } = await api.call("api-keys.create", { name: "ci" }, user);
    expect(key).toMatch(/^tnv_[0-9a-hjkmnp-tv-z]{8}_[\w-]{43}$/);
    expect(facts).toMatchObject({
      apiKeyId: key.slice(0, 12),
      name: "ci",
      userName: "anna",
      role: "owner",
      readOnly: false,
    });
    expect(facts.expiresAt).toBeUndefined();
    expect((await api.refused("api-keys.create", { name: "ci" }, user)).code).toBe("conflict");
    const wanted = {
      name: "nightly",
      role: "member" as const,
      readOnly: true,
      expiresInSeconds: 3_600,
      maxJobsPerHour: 10,
      maxConcurrent: 2,
      allowedJobTypes: ["COMMAND" as const],
    };
    const limited = await api.call("api-keys.create", wanted, user);
    const { expiresInSeconds: _, ...kept } = wanted;
    expect(limited).toMatchObject(kept);
    expect(Date.parse(limited.expiresAt ?? "") - Date.parse(limited.createdAt)).toBe(3_600_000);
    for (const wrong of [
      { name: "" },
      { name: "a", maxJobsPerHour: 0 },
      { name: "a", maxConcurrent: -1 },
      { name: "a", allowedJobTypes: ["SHELL"] },
      { name: "a", expiresInSeconds: 0 },
      { name: "a", role: "root" },
    ]) {
      expect((await api.refused("api-keys.create", wrong, user)).code).toBe("invalid_request");
    }
  },

  "api-keys.list": async ({ api }) => {
    const user = await api.user("keys-listed", "anna");
    expect(await api.call("api-keys.list", {}, user)).toEqual({ apiKeys: [] });
    for (const name of ["a", "b", "c"]) await api.call("api-keys.create", { name }, user);
    const { apiKeys, nextCursor } = await api.call("api-keys.list", { limit: 2 }, user);
    expect(Object.keys(apiKeys[0] ?? {})).not.toContain("key");
    const rest = await api.call("api-keys.list", { cursor: nextCursor }, user);
    expect(rest.nextCursor).toBeUndefined();
    // Keys of the same millisecond come in any order.
    const names = [...apiKeys, ...rest.apiKeys].map(({ name }) => name);
    expect(names.toSorted()).toEqual(["a", "b", "c"]);
  },

  "api-keys.revoke": async ({ api }) => {
    const user = await api.user("keys-revoked", "anna");
    const { key, apiKeyId } = await api.call("api-keys.create", { name: "ci" }, user);
    expect((await api.call("jobs.list", {}, { apiKey: key })).jobs).toEqual([]);
    expect(await api.call("api-keys.revoke", { apiKeyId }, user)).toEqual({ apiKeyId });
    const refused = await api.refused("jobs.list", {}, { apiKey: key });
    expect(refused).toMatchObject({
      code: "unauthenticated",
      detail: expect.stringContaining("was revoked"),
    });
    expect(await api.call("api-keys.revoke", { apiKeyId }, user)).toEqual({ apiKeyId });
    expect(await api.call("api-keys.list", {}, user)).toEqual({ apiKeys: [] });
    // Its name is free again.
    await api.call("api-keys.create", { name: "ci" }, user);
    const unknown = await api.refused("api-keys.revoke", { apiKeyId: "tnv_00000000" }, user);
    expect(unknown.code).toBe("not_found");
    expect((await api.refused("api-keys.revoke", { apiKeyId: "ci" }, user)).code).toBe("invalid_request");
  },
} satisfies Partial<Scenarios>;
