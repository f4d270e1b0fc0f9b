import { expect } from "bun:test";
import type { Api } from "../support/api.ts";
import type { Scenarios } from "./stage.ts";

const MONTHLY = 30_000_000;

/** A scenario for each credit endpoint. The cost of running jobs is tested in credits.test.ts. */
export const creditScenarios = {
  "credits.balance": async ({ api }) => {
    const { user } = await signedIn(api);
    const balance = await api.call("credits.balance", {}, user);
    const month = new Date().toISOString().slice(0, 7);
    expect(balance).toMatchObject({ availableMicroUsd: MONTHLY, reservedMicroUsd: 0, month });
    expect(Date.parse(balance.monthEndsAt)).toBeGreaterThan(Date.now());
    expect(balance.monthEndsAt).toEndWith("-01T00:00:00.000Z");
    expect(await api.call("credits.balance", {}, user)).toEqual(balance);
  },

  "credits.ledger": async ({ api }) => {
    const { user, name } = await signedIn(api);
    for (const amountMicroUsd of [1, 2, 3]) {
      await api.call("credits.grant", { user: name, amountMicroUsd, reason: "thanks" }, user);
    }
    const { entries, nextCursor } = await api.call("credits.ledger", { limit: 2 }, user);
    expect(entries.map((entry) => entry.amountMicroUsd)).toEqual([3, 2]);
    const rest = await api.call("credits.ledger", { cursor: nextCursor }, user);
    expect(rest.entries.map((entry) => entry.kind)).toEqual(["GRANT", "MONTHLY_GRANT"]);
    expect(rest.nextCursor).toBeUndefined();
    const since = new Date(Date.now() + 60_000).toISOString();
    expect((await api.call("credits.ledger", { since }, user)).entries).toEqual([]);
    expect((await api.refused("credits.ledger", { cursor: "nonsense" }, user)).code).toBe("invalid_request");
  },

  "credits.prices": async ({ api, user }) => {
    // This server has no hosted pools; credits.test.ts has servers with hosted pools.
    expect(await api.call("credits.prices", {}, user)).toEqual({ pools: [] });
  },

  "credits.spend": async ({ api, user }) => {
    // Nothing costs anything here; credits.test.ts has servers with hosted pools.
    const nothing = { costMicroUsd: 0, executions: 0, days: [], jobs: [], templates: [], more: false };
    expect(await api.call("credits.spend", {}, user)).toEqual(nothing);
  },

  "credits.grant": async ({ api }) => {
    const { user, name, userId } = await signedIn(api);
    const grant = { user: name, amountMicroUsd: 2_500_000, reason: "a good idea" };
    const key = { "idempotency-key": crypto.randomUUID() };
    const entry = await api.call("credits.grant", grant, user, key);
    expect(entry).toMatchObject({ kind: "GRANT", amountMicroUsd: 2_500_000, grantedBy: userId });
    expect(await api.call("credits.grant", { ...grant, user: userId }, user, key)).toEqual(entry);
    const other = await api.send("credits.grant", JSON.stringify({ ...grant, reason: "another" }), user, key);
    expect(other.status).toBe(409);
    const balance = await api.call("credits.balance", {}, user);
    expect(balance).toMatchObject({ lastingMicroUsd: 2_500_000, availableMicroUsd: MONTHLY + 2_500_000 });
    for (const amountMicroUsd of [0, -1, 0.5, 2 ** 53]) {
      expect((await api.refused("credits.grant", { ...grant, amountMicroUsd }, user)).code).toBe(
        "invalid_request",
      );
    }
    expect((await api.refused("credits.grant", { ...grant, user: "nobody" }, user)).code).toBe("not_found");
  },
} satisfies Partial<Scenarios>;

async function signedIn(api: Api) {
  const name = `user-${crypto.randomUUID().slice(0, 8)}`;
  const { accessToken: token, identity } = await api.signIn(`${name}-business`, name);
  return { user: { token }, name, userId: identity.userId };
}
