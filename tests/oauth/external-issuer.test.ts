import { expect, test } from "bun:test";
import { SignJWT } from "jose";
import { forAllTests } from "../support/for-all-tests.ts";
import { FormBrowser } from "../support/form-browser.ts";
import { Issuer } from "../support/issuer.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

const AUDIENCE = "compute";
const anna = {
  aud: AUDIENCE,
  sub: "anna-7",
  preferred_username: "anna",
  org: "shop",
  realm: { groups: ["devs"] },
};

const { aud: _, ...annaInBrowser } = anna;

const issuer = forAllTests(await Issuer.start());
const server = forAllTests(
  await TestServer.start(
    {},
    {
      oidc: {
        issuer: issuer.url,
        audience: AUDIENCE,
        clientId: "compute-server",
        claims: { business: "org", role: "realm.groups" },
        roles: { devs: "member", leads: "admin" },
      },
    },
  ),
);
const { api } = server;
const whoami = (token: string) => api.call("auth.whoami", {}, { token });
const refusal = async (token: string) => (await api.refused("auth.whoami", {}, { token })).code;

test("a token of the issuer makes its person a member of their business, with the role that it says", async () => {
  const first = await whoami(await issuer.token(anna));
  expect(first).toMatchObject({ userName: "anna", businessName: "shop", role: "member" });
  const again = await whoami(await issuer.token({ ...anna, preferred_username: "anna-maria" }));
  expect(again).toMatchObject({ userId: first.userId, sessionId: first.sessionId });
  const lead = await issuer.token({ ...anna, realm: { groups: ["devs", "leads"] } });
  expect(await whoami(lead)).toMatchObject({ userId: first.userId, role: "admin" });
  const namesake = await whoami(await issuer.token({ ...anna, sub: "another" }));
  expect(namesake.userName).toStartWith("anna-");
  expect(namesake.userId).not.toBe(first.userId);
});

test("an older token never has more than the issuer gave it, nor more than the person has now", async () => {
  const lead = await issuer.token({ ...anna, sub: "cleo", realm: { groups: "leads" } });
  const dev = await issuer.token({ ...anna, sub: "cleo" });
  expect((await whoami(lead)).role).toBe("admin");
  expect((await whoami(dev)).role).toBe("member");
  expect((await whoami(lead)).role).toBe("member");
});

test("tokens that are not meant for this server, or not the issuer's, are refused", async () => {
  const seconds = Math.floor(Date.now() / 1_000);
  for (const change of [
    { aud: "another" },
    { aud: null },
    { exp: null },
    { nbf: seconds + 600 },
    { iss: "https://x" },
  ])
    expect(await refusal(await issuer.token({ ...anna, ...change }))).toBe("unauthenticated");
  expect(await refusal(await issuer.token({ ...anna, exp: seconds - 60 }))).toBe("token_expired");
  const [, payload = ""] = (await issuer.token(anna)).split(".");
  const { keys } = (await (await fetch(`${issuer.url}/jwks`)).json()) as { keys: Record<string, string>[] };
  const claims = JSON.parse(Buffer.from(payload, "base64url").toString());
  const forged = new SignJWT(claims).setProtectedHeader({ alg: "HS256", kid: "first" });
  const none = Buffer.from(JSON.stringify({ alg: "none", kid: "first" })).toString("base64url");
  const bad = [
    await forged.sign(Buffer.from(keys[0]?.n ?? "", "base64url")),
    await forged.sign(Buffer.from(JSON.stringify(keys[0]))),
    `${none}.${payload}.`,
  ];
  for (const token of bad) expect(await refusal(token)).toBe("unauthenticated");
});

test("a token without a business, or without a role that means something here, gets nothing", async () => {
  for (const change of [
    { org: null },
    { realm: null },
    { realm: { groups: ["guests"] } },
    { org: "no\nname" },
  ])
    expect(await refusal(await issuer.token({ ...anna, ...change }))).toBe("forbidden");
});

test("the server learns a new key of the issuer by itself, and asks for unknown ones only now and then", async () => {
  await issuer.addKey("second");
  const token = await issuer.token({ ...anna, kid: "second" });
  await waitFor("the server to know the new key", async () => {
    const response = await api.send("auth.whoami", "{}", { token });
    return response.status === 200;
  });
  await whoami(await issuer.token({ ...anna, kid: "first" }));
});

test("after a sign-out, only tokens that the issuer gives later are accepted", async () => {
  const iat = Math.floor(Date.now() / 1_000) - 30;
  const dora = { ...anna, sub: "dora", iat };
  const token = await issuer.token(dora);
  const { sessionId } = await whoami(token);
  await api.call("auth.logout", {}, { token });
  expect(await refusal(token)).toBe("session_ended");
  expect(await refusal(await issuer.token({ ...dora, exp: iat + 3_000 }))).toBe("session_ended");
  const later = await whoami(await issuer.token({ ...dora, iat: iat + 32 }));
  expect(later.sessionId).not.toBe(sessionId);
});

test("many first requests of a new person at the same time make one person and one session", async () => {
  const token = await issuer.token({ ...anna, sub: "eve", preferred_username: "eve", org: "lab" });
  const all = await Promise.all(Array.from({ length: 20 }, () => whoami(token)));
  expect(new Set(all.map(({ userId, sessionId }) => `${userId} ${sessionId}`)).size).toBe(1);
});

test("a browser signs in at the issuer, and comes back signed in; the claims may come from the user info", async () => {
  for (const isInUserInfo of [false, true]) {
    await issuer.says({ ...annaInBrowser, sub: "finn", preferred_username: "finn" }, isInUserInfo);
    const browser = new FormBrowser();
    const page = await browser.open(new URL("/sign-in?next=/account", server.url));
    expect(browser.visited.some((url) => url.startsWith(`${issuer.url}/authorize`))).toBe(true);
    expect(new URL(page.url).pathname).toBe("/account");
    expect(await page.text()).toContain("finn");
  }
});

test("a sign-in at the issuer that began in another browser is refused", async () => {
  await issuer.says(annaInBrowser);
  const [own, other] = [new FormBrowser(), new FormBrowser()];
  await other.open(new URL("/sign-out", server.url));
  const back = await own.until(new URL("/sign-in", server.url), "/sign-in/callback");
  expect((await other.open(back)).status).toBe(403);
  expect(new URL((await own.open(back)).url).pathname).toBe("/");
});

test("there are no passwords, codes or passkeys where another issuer signs people in", async () => {
  const email = "anna@example.org";
  expect((await api.refused("auth.request-otp", { email })).detail).toContain(issuer.url);
  expect((await api.refused("auth.verify-otp", { email, code: "123456" })).code).toBe("forbidden");
  const token = await issuer.token(anna);
  const next = { newPassword: "correct horse battery" };
  expect((await api.refused("auth.set-password", next, { token })).code).toBe("forbidden");
});
