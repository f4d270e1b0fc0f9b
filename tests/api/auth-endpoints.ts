import { expect } from "bun:test";
import { stat } from "node:fs/promises";
import type { Scenarios } from "./stage.ts";

/** What each endpoint of signing in does, told by one story each. */
export const authScenarios = {
  "auth.local.start": async ({ api }) => {
    const { secretFile, expiresAt } = await api.call("auth.local.start", {});
    expect((await stat(secretFile)).mode & 0o777).toBe(0o600);
    expect(Date.parse(expiresAt)).toBeGreaterThan(Date.now());
  },

  "auth.local.finish": async ({ api }) => {
    const { challengeId, secretFile } = await api.call("auth.local.start", {});
    const guess = { challengeId, secret: `tnvl_${"A".repeat(43)}`, business: "local", user: "tester" };
    expect((await api.refused("auth.local.finish", guess)).status).toBe(401);
    const secret = (await Bun.file(secretFile).text()).trim();
    const tokens = await api.call("auth.local.finish", { ...guess, secret });
    expect(tokens.identity).toMatchObject({ userName: "tester", businessName: "local", role: "owner" });
    // A secret works once.
    expect((await api.refused("auth.local.finish", { ...guess, secret })).status).toBe(401);
  },

  "auth.refresh": async ({ api }) => {
    const first = await api.signIn("local");
    const second = await api.call("auth.refresh", { refreshToken: first.refreshToken });
    expect(second.refreshToken).not.toBe(first.refreshToken);
    await api.call("auth.whoami", {}, { token: second.accessToken });
    // Several programs of one person may refresh at once: the one before is good for a short while.
    const late = await api.call("auth.refresh", { refreshToken: first.refreshToken });
    expect(late.refreshToken).toBe(second.refreshToken);
    // An older one that comes back has been stolen, and ends the session.
    const third = await api.call("auth.refresh", { refreshToken: second.refreshToken });
    const reused = await api.refused("auth.refresh", { refreshToken: first.refreshToken });
    expect(reused.code).toBe("session_ended");
    expect((await api.refused("auth.whoami", {}, { token: third.accessToken })).code).toBe("session_ended");
  },

  "auth.logout": async ({ api }) => {
    const { accessToken: token, refreshToken } = await api.signIn("local");
    await api.call("auth.logout", {}, { token });
    expect((await api.refused("auth.whoami", {}, { token })).code).toBe("session_ended");
    expect((await api.refused("auth.refresh", { refreshToken })).code).toBe("session_ended");
  },

  "auth.whoami": async ({ api }) => {
    const { accessToken: token, identity } = await api.signIn("somewhere", "anna");
    expect(await api.call("auth.whoami", {}, { token })).toEqual(identity);
  },
} satisfies Partial<Scenarios>;
