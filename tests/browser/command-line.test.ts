import { afterAll, afterEach, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { hostname } from "node:os";
import { Chromium, type Window } from "../support/chromium.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { within } from "../support/wait.ts";

setDefaultTimeout(60_000);

const LIMIT_MS = 30_000;
const ANNA = { email: "anna@example.org", password: "a fine long sentence" };
let owner: Person;
let chromium: Chromium;
const windows: Window[] = [];

beforeAll(async () => {
  [owner, chromium] = await Promise.all([Person.withServer({ business: "shop" }), Chromium.start()]);
});

afterEach(async () => {
  const complaints = windows.flatMap((window) => window.complaints);
  await Promise.all(windows.splice(0).map((window) => window[Symbol.asyncDispose]()));
  expect(complaints).toEqual([]);
});

afterAll(async () => {
  await chromium[Symbol.asyncDispose]();
  await owner[Symbol.asyncDispose]();
});

async function newWindow(): Promise<Window> {
  const window = await chromium.window();
  windows.push(window);
  return window;
}

/** A sign-in that runs until somebody has answered it in the browser. */
function login(person: Person, ...options: string[]): Running {
  const { url } = owner.server;
  return new Running(person.home.path, ["auth", "login", "--workspace", "far", "--url", url, ...options]);
}

function exitOf(running: Running): Promise<number> {
  return within(LIMIT_MS, "auth login", running.process.exited);
}

test("auth open opens a browser that is signed in, where a password is set", async () => {
  const { exitCode, stdout, stderr } = await owner.run(["auth", "open"]);
  expect([exitCode, stderr]).toEqual([0, expect.stringContaining("valid once")]);
  const link = stdout.trim();
  const window = await newWindow();
  await window.page.goto(link);
  await window.press("Sign in");
  expect(await window.account()).toContain("shop, as owner");
  await window.fill(
    { "Email, with which you sign in": ANNA.email, "New password": ANNA.password },
    "Set a password",
  );
  await window.shows("The password is set.");
  const second = await (await newWindow()).page.goto(link);
  expect(second?.status()).toBe(404);
});

test("auth login --browser signs in through the browser, with a person who is signed out at first", async () => {
  await using person = await Person.stranger();
  await using running = login(person, "--browser");
  const [, page = ""] = await running.said(/^ {4}(http\S+)$/m);
  const window = await newWindow();
  await window.page.goto(page);
  await window.fill({ Email: ANNA.email, Password: ANNA.password }, "Sign in");
  expect(await window.shows("wants to act as")).toContain("on the computer with this browser");
  await window.press("Allow");
  await window.shows("You are signed in");
  expect(await exitOf(running)).toBe(0);
  const status = await person.run(["auth", "status", "--json", "--workspace", "far"]);
  expect(status.stdout).toContain('"shop"');
  expect((await person.run(["job", "list", "--workspace", "far"])).exitCode).toBe(0);
});

test("auth login --browser ends when the person denies it", async () => {
  await using person = await Person.stranger();
  await using running = login(person, "--browser");
  const [, page = ""] = await running.said(/^ {4}(http\S+)$/m);
  const window = await newWindow();
  await window.page.goto(page);
  await window.fill({ Email: ANNA.email, Password: ANNA.password }, "Sign in");
  await window.press("Deny");
  await window.shows("You are not signed in");
  expect(await exitOf(running)).toBe(77);
  expect(running.stderr).toContain("denied");
});

test("auth login --device signs in with a code that the person compares in a browser", async () => {
  await using person = await Person.stranger();
  await using running = login(person, "--device");
  const [, page = ""] = await running.said(/^ {4}(http\S+)$/m);
  const code = /\b([A-Z]{4}-[A-Z]{4})\b/.exec(running.stderr)?.[1] ?? "";
  const window = await newWindow();
  await window.page.goto(page);
  await window.fill({ Email: ANNA.email, Password: ANNA.password }, "Sign in");
  const asked = await window.shows("Let this device in?");
  expect(asked).toContain(code);
  expect(asked).toContain("127.0.0.1");
  expect(asked).toContain(`(${hostname()}; ${process.platform})`);
  await window.press("Allow");
  await window.shows("Device let in");
  expect(await exitOf(running)).toBe(0);
  expect((await person.run(["job", "list", "--workspace", "far"])).exitCode).toBe(0);
  await window.page.goto(page);
  await window.shows("No device waits with this code");
});

test("somebody with an invitation joins the business, and lets the command line in", async () => {
  const link = await owner.get(["member", "invite", "--role", "viewer"]);
  const window = await newWindow();
  await window.page.goto(link);
  const fields = { "Your name here": "ben", Email: "ben@example.org", Password: "another long sentence" };
  await window.fill(fields, "Join");
  expect(await window.account()).toContain("shop, as viewer");
  expect(await owner.get(["member", "list"])).toContain("ben");
  await using person = await Person.stranger();
  await using running = login(person, "--browser");
  const [, page = ""] = await running.said(/^ {4}(http\S+)$/m);
  await window.page.goto(page);
  await window.press("Allow");
  await window.shows("You are signed in");
  expect(await exitOf(running)).toBe(0);
  const submit = await person.run(["job", "submit", "--workspace", "far", "--", "true"]);
  expect([submit.exitCode === 0, submit.stderr]).toEqual([false, expect.stringContaining("viewer")]);
  await window.page.goto(`${owner.server.url}/account`);
  await window.shows("The Tanvrit Compute command line");
  await window.press("Sign out The Tanvrit Compute command line");
  await window.shows("is signed out");
  expect((await person.run(["job", "list", "--workspace", "far"])).exitCode).toBe(77);
});
