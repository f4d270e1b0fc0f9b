import { expect, test } from "bun:test";
import type { Page } from "playwright-core";
import type { Window } from "../support/chromium.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { PortalWorld } from "../support/portal.ts";

const world = forAllTests(await PortalWorld.start());
const { person } = world;
const ANNA = { email: "anna@example.org", password: "correct horse battery" };
/** A page whose whole address a person comes back to. */
const PLACE = "/jobs?status=FAILED&search=nightly";
/** Longer than an access token is valid. */
const LATER_MS = 20 * 60_000;

await person.get(["auth", "password", "--email", ANNA.email], { stdin: `${ANNA.password}\n` });

async function windowAtPlace(): Promise<Window> {
  const window = await world.browser();
  await window.page.goto(world.url + PLACE);
  await window.page.locator("main h1").first().waitFor();
  return window;
}

/** The access token of the tab is over by now. */
async function passTime({ page }: Window): Promise<void> {
  await page.evaluate((laterMs) => {
    const now = Date.now;
    Date.now = () => now() + laterMs;
  }, LATER_MS);
}

/** Follows a link to a page that needs the sign-in. The tab may have noticed by itself, and then a dialog covers the link. */
async function goToNodes({ page }: Window): Promise<void> {
  await page.getByRole("link", { name: "Nodes" }).dispatchEvent("click");
}

async function signOutIn(tab: Page): Promise<void> {
  await tab.goto(`${world.url}/settings/members`);
  await tab.getByRole("button", { name: "Your account" }).click();
  await tab.getByRole("button", { name: "Sign out" }).click();
  await tab.waitForURL(`${world.url}/sign-out`);
  await tab.getByRole("button", { name: "Sign out" }).click();
}

/** The page says by itself that nobody is signed in, and a sign-in leads back to it. */
async function signsInAgain(window: Window): Promise<void> {
  await window.shows("You are signed out");
  expect(window.page.url()).toBe(world.url + PLACE);
  await window.press("Sign in again");
  await window.page.waitForURL(/\/sign-in\?/);
  await window.fill({ Email: ANNA.email, Password: ANNA.password }, "Sign in");
  await window.page.waitForURL(world.url + PLACE);
  await window.page.locator("main h1").first().waitFor();
  expect(await window.page.getByText("You are signed out").count()).toBe(0);
}

test("a browser that is signed out in the list of sessions of another says so, and leads back after a sign-in", async () => {
  await using window = await windowAtPlace();
  await using other = await world.browser("/settings/sessions");
  const row = other.page.getByRole("row").filter({ hasText: "browser" }).filter({ hasNotText: "this one" });
  await row.first().getByRole("button", { name: "Sign out" }).click();
  await other.press("Sign it out");
  await signsInAgain(window);
});

test("a tab whose browser is signed out in another tab says so, and leads back after a sign-in", async () => {
  await using window = await windowAtPlace();
  const tab = await window.page.context().newPage();
  await signOutIn(tab);
  await signsInAgain(window);
});

test("a tab whose sign-in was not used for too long says so, and leads back after a sign-in", async () => {
  await using window = await windowAtPlace();
  // A browser drops the cookie when the sign-in is over, and the token in the tab is over long before.
  await window.page.context().clearCookies();
  await passTime(window);
  await goToNodes(window);
  await window.shows("You are signed out");
  // Somebody may close the dialog, for example to copy something, and still finds the way.
  await window.page.keyboard.press("Escape");
  await window.page.getByRole("dialog").waitFor({ state: "detached" });
  await window.page.goBack();
  await signsInAgain(window);
});

test("a tab that is signed out goes on, live, once the same person has signed in in another tab", async () => {
  await using window = await world.browser("/settings/secrets");
  const context = window.page.context();
  const tab = await context.newPage();
  await signOutIn(tab);
  await window.page.getByRole("dialog").waitFor();
  await tab.goto(`${world.url}/sign-in`);
  await tab.getByLabel("Email").fill(ANNA.email);
  await tab.getByLabel("Password").fill(ANNA.password);
  await tab.getByRole("button", { name: "Sign in", exact: true }).click();
  await tab.waitForURL(`${world.url}/`);
  await window.page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await window.page.getByRole("dialog").waitFor({ state: "detached" });
  await person.get(["secret", "set", "after-the-sign-in"], { stdin: "x" });
  await window.page.getByRole("cell", { name: "after-the-sign-in", exact: true }).waitFor();
});

test("a tab whose browser is signed in as somebody else by now says so, and does nothing in their name", async () => {
  await using window = await windowAtPlace();
  const link = /http\S+/.exec(await person.get(["member", "invite", "--email", "bo@example.org"]))?.[0] ?? "";
  const tab = await window.page.context().newPage();
  await window.page.context().clearCookies();
  await tab.goto(link);
  await tab.getByLabel("Your name here").fill("bo");
  await tab.getByLabel("Password").fill(ANNA.password);
  await tab.getByRole("button", { name: "Join" }).click();
  await tab.waitForURL(`${world.url}/`);
  await passTime(window);
  await goToNodes(window);
  await window.shows("This browser has another sign-in");
  await window.press("Load the page");
  await window.page.locator(".foot").getByTitle("bo", { exact: true }).waitFor();
});

test("auth logout signs out the command line alone", async () => {
  await using window = await world.window("/settings/members");
  await person.get(["auth", "logout"]);
  await window.page.getByRole("link", { name: "Secrets" }).click();
  await window.page.getByRole("button", { name: "New secret" }).waitFor();
  expect(await window.page.getByText("You are signed out").count()).toBe(0);
});
