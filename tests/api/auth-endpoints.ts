import { expect } from "bun:test";
import { createPublicKey, randomBytes, verify } from "node:crypto";
import { proofText } from "../../shared/server-proof.ts";
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
    expect(await api.call("auth.whoami", {}, { token })).toEqual(identity);
  },
} satisfies Partial<Scenarios>;
