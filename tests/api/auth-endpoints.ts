import { expect } from "bun:test";
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { proofText } from "../../shared/proof-text.ts";
import type { Scenarios } from "./stage.ts";

/** A scenario for each sign-in endpoint. */
export const authScenarios = {
  "server.identity": async ({ api }) => {
    const url = api.url.replace(/\/$/, "");
    const nonce = randomBytes(32).toString("base64url");
    const { serverKey, signature = "", urls } = await api.call("server.identity", { nonce, url });
    expect(urls).toContain(url);
    const key = createPublicKey({ key: { kty: "OKP", crv: "Ed25519", x: serverKey }, format: "jwk" });
    expect(verify(null, proofText(nonce, url), key, Buffer.from(signature, "base64url"))).toBe(true);
    // The key is the same at every start, and the server signs for no address but its own.
    const other = await api.call("server.identity", { nonce, url: url.replace("127.0.0.1", "[::1]") });
    expect(other).toEqual({ serverKey, urls });
  },

  "auth.refresh": async ({ api }) => {
    const first = await api.signIn("local");
    const second = await api.call("auth.refresh", { refreshToken: first.refreshToken });
    expect(second.refreshToken).not.toBe(first.refreshToken);
    await api.call("auth.whoami", {}, { token: second.accessToken });
    // Several programs of one person may refresh at the same time, so the previous token stays valid for a short while.
    const late = await api.call("auth.refresh", { refreshToken: first.refreshToken });
    expect(late.refreshToken).toBe(second.refreshToken);
    // If an older token comes back, it was stolen, and the session ends.
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
    const { signedInAt = "", sessionEndsAt = "", ...who } = await api.call("auth.whoami", {}, { token });
    expect(who).toEqual(identity);
    expect(Date.parse(sessionEndsAt) - Date.parse(signedInAt)).toBe(30 * 24 * 3_600_000);
  },

  "auth.sessions": async ({ api }) => {
    const first = await api.signIn("sessions", "sam");
    const second = await api.signIn("sessions", "sam");
    await api.signIn("sessions", "tim");
    const { sessions } = await api.call("auth.sessions", {}, { token: second.accessToken });
    const of = ({ sessionId }: { sessionId: string }) => sessionId;
    expect(sessions.map(of)).toEqual([second.identity, first.identity].map(of));
    expect(sessions[0]).toMatchObject({ kind: "program", businessName: "sessions", isCurrent: true });
    expect(sessions[1]?.isCurrent).toBe(false);
    expect(Object.keys(sessions[0] ?? {}).filter((field) => /token|secret|hash|key/i.test(field))).toEqual(
      [],
    );
  },

  "auth.end-session": async ({ api }) => {
    const [lost, mine, theirs] = [
      await api.signIn("ends", "una"),
      await api.signIn("ends", "una"),
      await api.signIn("ends", "udo"),
    ];
    const { sessionId } = lost.identity;
    const as = { token: mine.accessToken };
    const stranger = { token: theirs.accessToken };
    expect((await api.refused("auth.end-session", { sessionId }, stranger)).code).toBe("not_found");
    expect(await api.call("auth.end-session", { sessionId }, as)).toEqual({ sessionId });
    expect((await api.refused("auth.whoami", {}, { token: lost.accessToken })).code).toBe("session_ended");
    expect((await api.refused("auth.end-session", { sessionId }, as)).code).toBe("not_found");
    await api.call("auth.whoami", {}, as);
  },

  "auth.businesses": async ({ api }) => {
    const { identity } = await api.signIn("alphas", "bea");
    const { accessToken: token } = await api.signIn("betas", "bea");
    await api.signIn("gammas", "somebody");
    const { businesses } = await api.call("auth.businesses", {}, { token });
    expect(businesses).toEqual([
      { businessId: identity.businessId, businessName: "alphas", role: "owner", isCurrent: false },
      { businessId: expect.any(String), businessName: "betas", role: "owner", isCurrent: true },
    ]);
  },

  "auth.switch": async ({ api }) => {
    const first = await api.signIn("alphas", "cleo");
    const second = await api.signIn("betas", "cleo");
    await api.signIn("gammas", "gerda");
    const { refreshToken } = second;
    const switched = await api.call("auth.switch", { refreshToken, business: "alphas" });
    expect(switched.identity).toMatchObject({ ...first.identity, sessionId: expect.any(String) });
    expect(switched.identity.sessionId).not.toBe(first.identity.sessionId);
    await api.call("auth.whoami", {}, { token: switched.accessToken });
    // The session before stays, until its client ends it.
    await api.call("auth.whoami", {}, { token: second.accessToken });
    for (const business of ["gammas", "none"]) {
      expect(await api.refused("auth.switch", { refreshToken, business })).toMatchObject({
        code: "not_found",
      });
    }
    const renewed = await api.call("auth.refresh", { refreshToken });
    const old = await api.refused("auth.switch", { refreshToken, business: "alphas" });
    expect(old.code).toBe("session_ended");
    await api.call("auth.logout", {}, { token: renewed.accessToken });
    const ended = { refreshToken: renewed.refreshToken, business: "alphas" };
    expect((await api.refused("auth.switch", ended)).code).toBe("session_ended");
    const forged = { refreshToken: `${refreshToken.slice(0, -43)}${"A".repeat(43)}`, business: "alphas" };
    expect((await api.refused("auth.switch", forged)).code).toBe("unauthenticated");
  },
} satisfies Partial<Scenarios>;
