import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";

const world = forAllTests(await PortalWorld.start());

test("a signed-in browser gets into the portal without a question, and stays after a reload", async () => {
  await using window = await world.browser();
  await window.page.getByRole("heading", { name: "Overview" }).waitFor();
  await window.page.reload();
  await window.page.getByRole("heading", { name: "Overview" }).waitFor();
  expectQuiet(window);
});

test("a browser that is not signed in is led to the sign-in page", async () => {
  await using window = await world.chromium.window();
  await window.page.goto(`${world.url}/jobs?status=FAILED`);
  await window.page.waitForURL(/\/sign-in\?/);
  expect(window.page.url()).toContain(encodeURIComponent("client_id=tanvrit-compute-portal"));
});

test("all tabs of a browser share one sign-in, and signing the browser out ends them all", async () => {
  await using window = await world.browser("/settings/members");
  const account = await window.page.context().newPage();
  const programs = async () => {
    await account.goto(`${world.url}/account`);
    return account.getByText("The Tanvrit Compute portal").count();
  };
  const before = await programs();
  expect(before).toBeGreaterThan(0);
  const tab = await window.page.context().newPage();
  await tab.goto(`${world.url}/settings/members`);
  await tab.getByRole("table", { name: "Members" }).waitFor();
  expect(await programs()).toBe(before);
  await window.press("Your account");
  await window.press("Sign out");
  await window.page.waitForURL(`${world.url}/sign-out`);
  await window.press("Sign out");
  await tab.getByRole("dialog", { name: "You are signed out" }).waitFor();
});
