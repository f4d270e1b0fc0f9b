import { beforeAll, expect, test } from "bun:test";
import type { TokenSet } from "../../shared/auth.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { TestPlane } from "../support/plane.ts";
import { Running } from "../support/program.ts";
import { within } from "../support/wait.ts";
import { PlayedPage } from "./page.ts";

const plane = forAllTests(await TestPlane.start());
const url = plane.api.url.replace(/\/$/, "");
let anna: TokenSet["identity"];
let page: PlayedPage;

beforeAll(async () => {
  await plane.api.signIn("annas", "anna");
  anna = (await plane.api.signIn("shop", "anna")).identity;
  page = new PlayedPage(plane.stores, () => plane.now(), anna);
});

function login(person: Person, args: string[]): Running {
  return new Running(person.home.path, ["auth", "login", "--url", url, ...args], { BROWSER: "true" });
}

async function byDevice(person: Person, args: string[] = []): Promise<void> {
  await using running = login(person, ["--device", ...args]);
  const [, code = ""] = await running.said(/shows the code (\S+):/);
  expect(await page.letIn(code)).toBe(true);
  expect(await within(20_000, "auth login to end", running.process.exited)).toBe(0);
}

async function statusOf(person: Person) {
  return JSON.parse(await person.get(["auth", "status", "--json"]));
}

test("auth login --browser signs in through the loopback redirect", async () => {
  await using person = await Person.stranger();
  await using running = login(person, ["--browser"]);
  const [link] = await running.said(/http:\/\/\S+\/oauth\/authorize\?\S+/);
  const back = await fetch(await page.allow(new URL(link)));
  expect(await back.text()).toContain("You are signed in");
  expect(await within(20_000, "auth login to end", running.process.exited)).toBe(0);
  expect(await statusOf(person)).toMatchObject({
    user: "anna",
    business: "shop",
    signedInBy: "browser",
    url,
  });
});

test("a sign-in that was denied ends with 77, in the browser and by device", async () => {
  await using person = await Person.stranger();
  await using inBrowser = login(person, ["--browser"]);
  const [link] = await inBrowser.said(/http:\/\/\S+\/oauth\/authorize\?\S+/);
  await fetch(page.deny(new URL(link)));
  expect(await within(20_000, "auth login to end", inBrowser.process.exited)).toBe(77);
  await using byCode = login(person, ["--device"]);
  const [, code = ""] = await byCode.said(/shows the code (\S+):/);
  await page.refuse(code);
  expect(await within(20_000, "auth login to end", byCode.process.exited)).toBe(77);
  expect((await person.run(["auth", "status"])).exitCode).toBe(77);
});

test("a session by device is renewed, and auth logout ends it on the server", async () => {
  await using person = await Person.stranger();
  await byDevice(person);
  const file = Bun.file(person.home.join("credentials", "local.json"));
  const stored = await file.json();
  await file.write(JSON.stringify({ ...stored, accessTokenExpiresAt: new Date(0).toISOString() }));
  const token = await person.get(["auth", "print-token"]);
  expect((await file.json()).refreshToken).not.toBe(stored.refreshToken);
  expect(await statusOf(person)).toMatchObject({ signedInBy: "device", business: "shop" });
  await person.get(["auth", "logout"]);
  expect((await plane.api.refused("auth.whoami", {}, { token })).code).toBe("session_ended");
  expect((await person.run(["job", "list"])).exitCode).toBe(77);
});

test("--business chooses another business of the person who signed in, and auth switch goes back", async () => {
  await using person = await Person.stranger();
  await byDevice(person, ["--business", "annas"]);
  expect(await statusOf(person)).toMatchObject({ business: "annas", signedInBy: "device" });
  const token = await person.get(["auth", "print-token"]);
  await person.get(["auth", "switch", "shop"]);
  expect(await statusOf(person)).toMatchObject({ business: "shop", signedInBy: "device" });
  expect((await plane.api.refused("auth.whoami", {}, { token })).code).toBe("session_ended");
});

test("a token from standard input is used until it expires, and stays valid after auth logout", async () => {
  await using person = await Person.stranger();
  const { accessToken: token } = await plane.api.signIn("shop", "anna");
  await person.get(["auth", "login", "--token-stdin", "--url", url], { stdin: token });
  expect(await statusOf(person)).toMatchObject({ user: "anna", signedInBy: "token" });
  const logout = await person.run(["auth", "logout"]);
  expect(logout.stderr).toContain("is still valid there");
  await plane.api.call("auth.whoami", {}, { token });
});
