import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import {
  emptyPagesWorld,
  formOf,
  now,
  PASSWORD,
  PagesBrowser,
  PagesWorld,
  REDIRECT,
} from "../../tests/support/pages-world.ts";
import { digestOf } from "../auth/bearer-secret.ts";
import { API_KEY_CLIENT_ID, CODE_CLIENT_ID } from "../auth/tokens.ts";
import { isPage } from "./mount.ts";

let world: PagesWorld;
beforeAll(async () => {
  world = await PagesWorld.open();
});
afterAll(() => world.stores.close());

const AUTHORIZE = "/oauth/authorize?client_id=known&code_challenge=x";

describe("a sign-in", () => {
  test("gives the browser a new secret, in a cookie for this host that no script can read", async () => {
    const browser = new PagesBrowser(world);
    await browser.get("/sign-in");
    const before = browser.setCookie;
    const answer = await browser.signIn();
    expect([answer.status, answer.headers.get("location")]).toEqual([303, "/account"]);
    expect(browser.setCookie).toMatch(
      /^__Host-tanvrit-443=[\w-]{43}; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    expect(browser.setCookie.slice(0, 60)).not.toBe(before.slice(0, 60));
    expect(await (await browser.get("/account")).text()).toContain("anna@example.org");
  });

  test("with wrong words shows the form again with the address, and signs nobody in", async () => {
    const browser = new PagesBrowser(world);
    const fields = { email: "anna@example.org", password: "wrong", way: "password" };
    const answer = await browser.submit("/sign-in", "/sign-in", fields);
    expect(answer.status).toBe(401);
    const page = await answer.text();
    expect(page).toContain("Wrong email or password.");
    expect(page).toContain('value="anna@example.org"');
    expect(page).not.toContain('wrong"');
    expect((await browser.get("/account")).headers.get("location")).toStartWith("/sign-in?");
  });

  test("leads back to a page of this server, and to nothing else", async () => {
    const places = {
      "/device?user_code=BCDF-GHJK": "/device?user_code=BCDF-GHJK",
      "//evil.example/": "/",
      "/\\evil.example/": "/",
      "/..//evil.example/": "/",
      "https://evil.example/": "/",
      "javascript:alert(1)": "/",
      "/\t/evil.example": "/",
      "": "/",
    };
    for (const [next, place] of Object.entries(places)) {
      expect((await new PagesBrowser(world).signIn(next)).headers.get("location")).toBe(place);
    }
  });

  test("by a code from a mail says the same to everybody", async () => {
    const browser = new PagesBrowser(world);
    const known = await browser.submit("/sign-in", "/sign-in", { email: "anna@example.org", way: "code" });
    const unknown = await browser.submit("/sign-in", "/sign-in", {
      email: "nobody@example.org",
      way: "code",
    });
    const text = await known.text();
    expect((await unknown.text()).replaceAll("nobody@", "anna@")).toBe(text);
    const code = { form: formOf(text), email: "anna@example.org", code: "123 456", next: "/device" };
    expect((await browser.post("/sign-in/code", code)).headers.get("location")).toBe("/device");
  });

  test("ends with the sign-out, also for somebody who kept the cookie", async () => {
    const [browser, thief] = [new PagesBrowser(world), new PagesBrowser(world)];
    await browser.signIn();
    thief.cookie = browser.cookie;
    expect((await thief.get("/account")).status).toBe(200);
    expect((await browser.submit("/sign-out", "/sign-out", {})).status).toBe(303);
    expect((await thief.get("/account")).status).toBe(303);
    expect((await browser.get("/account")).status).toBe(303);
  });
});

test("a form is taken only from the browser that it was made for, and from a page of this server", async () => {
  const [anna, other] = [new PagesBrowser(world), new PagesBrowser(world)];
  await anna.signIn();
  const theirs = formOf(await (await other.get("/sign-in")).text());
  for (const form of ["", "x", theirs]) {
    expect((await anna.post("/account/password", { form, password: "hunter22222" })).status).toBe(403);
  }
  const own = formOf(await (await anna.get("/account")).text());
  const foreign = await anna.post("/sign-out", { form: own }, { origin: "https://app.example.org" });
  expect(foreign.status).toBe(403);
  const plain = await anna.post("/sign-out", { form: own }, { "content-type": "text/plain" });
  expect(plain.status).toBe(415);
  expect((await anna.get("/account")).status).toBe(200);
});

test("a new password signs the other browsers out, and asks for the current one", async () => {
  const [here, there] = [new PagesBrowser(world), new PagesBrowser(world)];
  await here.signIn();
  await there.signIn();
  const wrong = await here.submit("/account", "/account/password", {
    current: "no",
    password: "other horse",
  });
  expect(wrong.status).toBe(401);
  expect((await there.get("/account")).status).toBe(200);
  const fields = { current: PASSWORD, password: PASSWORD };
  expect((await here.submit("/account", "/account/password", fields)).status).toBe(303);
  expect((await there.get("/account")).status).toBe(303);
  expect((await here.get("/account")).status).toBe(200);
});

describe("a program", () => {
  test("that is wrong is refused before anybody signs in for it", async () => {
    const browser = new PagesBrowser(world);
    expect((await browser.get("/oauth/authorize?client_id=other")).status).toBe(400);
    const back = await browser.get("/oauth/authorize?client_id=known");
    expect(back.headers.get("location")).toBe(`${REDIRECT}?error=x`);
    const silent = await browser.get(`${AUTHORIZE}&prompt=none`);
    expect(silent.headers.get("location")).toBe(`${REDIRECT}?error=login_required`);
    const signIn = await browser.get(AUTHORIZE);
    expect(signIn.headers.get("location")).toBe(`/sign-in?next=${encodeURIComponent(AUTHORIZE)}`);
  });

  test("of the server's own gets its answer as JSON if a script asks, and any other is led back", async () => {
    const browser = new PagesBrowser(world);
    const own = AUTHORIZE.replace("known", "own");
    const ask = (path: string) => browser.get(`${path}&prompt=none`, { accept: "application/json" });
    expect(await (await ask(own)).json()).toEqual({ location: `${REDIRECT}?error=login_required` });
    expect((await ask(AUTHORIZE)).headers.get("location")).toBe(`${REDIRECT}?error=login_required`);
    await browser.signIn();
    const allowed = await ask(own);
    expect(await allowed.json()).toEqual({ location: `${REDIRECT}?code=1` });
    expect(allowed.headers.get("cache-control")).toBe("no-store");
    expect((await browser.get(own)).headers.get("location")).toBe(`${REDIRECT}?code=1`);
  });

  test("is let in by a person in a business of theirs; the policy lets the form lead to it", async () => {
    const browser = new PagesBrowser(world);
    await browser.signIn();
    const page = await browser.get(AUTHORIZE);
    expect(page.headers.get("content-security-policy")).toContain(
      "form-action 'self' http://127.0.0.1:4711;",
    );
    const form = formOf(await page.text());
    const { businessId } = await world.stores.people.business("shop", now());
    const request = AUTHORIZE.split("?")[1] ?? "";
    const ask = (answer: string, business: string) =>
      browser.post("/oauth/authorize", { form, request, answer, business });
    expect((await ask("deny", businessId)).headers.get("location")).toBe(`${REDIRECT}?error=access_denied`);
    expect((await ask("allow", newId("biz"))).status).toBe(403);
    expect((await ask("allow", businessId)).headers.get("location")).toBe(`${REDIRECT}?code=1`);
    expect(world.granted.at(-1)).toEqual({ userId: world.anna.userId, businessId });
  });
});

test("a device is let in by its code, and what it says of itself is only text", async () => {
  const browser = new PagesBrowser(world);
  expect((await browser.get("/device?user_code=bcdf-ghjk")).status).toBe(303);
  await browser.signIn();
  expect((await browser.get("/device?user_code=XXXX-XXXX")).status).toBe(404);
  const page = await (await browser.get("/device?user_code=bcdf-ghjk")).text();
  expect(page).toContain("BCDF-GHJK");
  expect(page).toContain("192.0.2.7");
  expect(page).not.toContain("<script>alert");
  const { businessId } = await world.stores.people.business("shop", now());
  const fields = { form: formOf(page), user_code: "BCDF-GHJK", answer: "allow", business: businessId };
  expect(await (await browser.post("/device", fields)).text()).toContain("is signed in");
});

test("somebody who tries many codes of devices has to wait", async () => {
  const browser = new PagesBrowser(world);
  await browser.signIn();
  const tries = async () => (await browser.get("/device?user_code=XXXX-XXXX")).status;
  let status = 0;
  for (let i = 0; i < 50 && status !== 429; i++) status = await tries();
  expect(status).toBe(429);
});

test("the first owner is made by a link that is valid once, and that a mistake does not use up", async () => {
  await using fresh = emptyPagesWorld();
  const expiresAtMs = now() + 60_000;
  await fresh.stores.visits.makeLink({
    tokenHash: digestOf("t"),
    purpose: "setup",
    userId: undefined,
    expiresAtMs,
  });
  const browser = new PagesBrowser(fresh);
  const fields = { user: "anna", email: "Anna@Example.org", password: "correct horse", business: "shop" };
  expect((await browser.get("/open/t")).status).toBe(404);
  const weak = await browser.submit("/setup/t", "/setup/t", { ...fields, password: "short" });
  expect([weak.status, (await weak.text()).includes("too short")]).toEqual([400, true]);
  expect((await browser.submit("/setup/t", "/setup/t", fields)).status).toBe(303);
  expect(await (await browser.get("/account")).text()).toContain("shop, as owner");
  expect((await browser.get("/setup/t")).status).toBe(404);
  expect(await fresh.stores.people.findByEmail("anna@example.org")).toMatchObject({ userName: "anna" });
});

test("a link for one's own browser is valid once, and only after a press of its button", async () => {
  const expiresAtMs = now() + 60_000;
  const { userId } = world.anna;
  await world.stores.visits.makeLink({ tokenHash: digestOf("o"), purpose: "open", userId, expiresAtMs });
  const [browser, other] = [new PagesBrowser(world), new PagesBrowser(world)];
  for (let i = 0; i < 2; i++) expect((await browser.get("/open/o")).status).toBe(200);
  const form = formOf(await (await other.get("/open/o")).text());
  expect((await browser.submit("/open/o", "/open/o", {})).headers.get("location")).toBe("/");
  expect((await other.post("/open/o", { form })).status).toBe(404);
  expect((await other.get("/account")).status).toBe(303);
});

test("somebody who is invited joins as somebody new, or as who they are", async () => {
  const browser = new PagesBrowser(world);
  expect((await browser.get("/invitation/bad")).status).toBe(404);
  const fields = { user: "ben", email: "ben@example.org", password: "correct horse" };
  const taken = await browser.submit("/invitation/good", "/invitation/good", { ...fields, user: "anna" });
  expect([taken.status, await taken.text()]).toEqual([409, expect.stringContaining("name-taken")]);
  expect((await browser.submit("/invitation/good", "/invitation/good", fields)).status).toBe(303);
  const ben = await world.stores.people.findByEmail("ben@example.org");
  expect(world.granted.at(-1)).toBe(ben?.userId);
  await browser.submit("/invitation/good", "/invitation/good", {});
  expect(world.granted.at(-1)).toBe(ben?.userId);
});

test("somebody who tries many addresses at an invitation has to wait, so nobody finds out who is here", async () => {
  const browser = new PagesBrowser(world);
  const fields = { user: "eve", email: "anna@example.org", password: "correct horse" };
  const tried: Response[] = [];
  for (let i = 0; i < 7; i++)
    tried.push(await browser.submit("/invitation/good", "/invitation/good", fields));
  expect(tried.map(({ status }) => status)).toContain(429);
  expect(Number(tried.at(-1)?.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("nothing keeps a page, a redirect with a code, or an error", async () => {
  const browser = new PagesBrowser(world);
  const answers = [await browser.get("/account"), await browser.signIn(), await browser.get("/account")];
  answers.push(await browser.submit(AUTHORIZE, "/oauth/authorize", { request: AUTHORIZE, answer: "deny" }));
  answers.push(await browser.get("/open/bad"));
  expect(answers.map(({ headers }) => headers.get("cache-control"))).toEqual(answers.map(() => "no-store"));
});

test("the account page lists programs, and leaves out API keys, which are no programs", async () => {
  const open = async (clientId: string) => {
    const [membership] = await world.stores.people.memberships(world.anna.userId);
    const { userId, businessId } = membership ?? { userId: "", businessId: "" };
    await world.stores.sessions.open({ sessionId: newId("ses"), userId, businessId, clientId, nowMs: now() });
  };
  await open(API_KEY_CLIENT_ID);
  const browser = new PagesBrowser(world);
  await browser.signIn();
  expect(await (await browser.get("/account")).text()).not.toContain("A command line on the server");
  await open(CODE_CLIENT_ID);
  expect(await (await browser.get("/account")).text()).toContain("A program with a code by mail");
});

test("links on other sites lead to pages, not to the API", () => {
  const pages = [
    "/sign-in",
    "/sign-in/code",
    "/oauth/authorize",
    "/device",
    "/setup/x",
    "/invitation/x",
    "/account",
  ];
  expect(pages.filter((path) => !isPage(path))).toEqual([]);
  const others = ["/", "/oauth/token", "/api/compute/jobs/list", "/devices", "/healthz", "/accountx"];
  expect(others.filter(isPage)).toEqual([]);
});
