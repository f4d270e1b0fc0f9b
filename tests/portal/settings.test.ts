import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";

const world = forAllTests(await PortalWorld.start());
const { person } = world;

test("an API key is shown once, works, and is refused after it is revoked", async () => {
  await using window = await world.window("/settings/api-keys");
  await window.press("New API key");
  await window.fill({ Name: "nightly build" }, "Make the key");
  const key = await window.page.getByText(/^tnv_\S{20,}$/).textContent();
  const list = () => person.run(["job", "list"], { env: { TANVRIT_API_KEY: key ?? "" } });
  expect(await list()).toMatchObject({ exitCode: 0 });
  await window.press("I have copied it");
  expect(await window.page.getByText(key ?? "").count()).toBe(0);
  await window.press("Revoke nightly build");
  await window.press("Revoke the key");
  await window.shows("nightly build is revoked.");
  await window.shows("No API keys");
  expect(await list()).toMatchObject({ exitCode: 77 });
  expectQuiet(window);
});

test("an invitation gives a link, which can be revoked", async () => {
  await using window = await world.window("/settings/members");
  await window.press("Invite");
  await window.fill({ Email: "bo@example.org" }, "Make the invitation");
  await window.page.getByText(/\/invitation[/#]\S+/).waitFor();
  await window.press("Done");
  await window.page.getByRole("cell", { name: "bo@example.org" }).waitFor();
  await window.press("Revoke");
  await window.shows("Nobody is invited");
});

test("a secret is set, keeps its lines, and comes back from the trash after it was deleted", async () => {
  await using window = await world.window("/settings/secrets");
  await window.press("New secret");
  await window.fill({ Name: "deploy-token", Value: " two\nlines " }, "Set the secret");
  await window.page.getByRole("cell", { name: "deploy-token", exact: true }).waitFor();
  await window.press("Delete deploy-token");
  await window.press("Delete");
  await window.shows("No secrets");
  await window.page.getByRole("link", { name: "Trash" }).click();
  await window.press("Restore");
  await window.shows("Secret deploy-token came back.");
  await window.shows("The trash is empty");
  expect(await person.get(["secret", "list"])).toContain("deploy-token");
});

test("the audit log names what was done, and a wrong field says so in the form", async () => {
  await using window = await world.window("/settings/audit");
  await window.page.getByText("signed in").first().waitFor();
  await world.show(window, "/settings/secrets");
  await window.press("New secret");
  const value = window.page.getByRole("textbox", { name: "Value" });
  await value.fill("x");
  await window.fill({ Name: "not a name" }, "Set the secret");
  await window.page.getByRole("alert").waitFor();
  expect(await value.inputValue()).toBe("x");
});

test("another browser is signed out from the list of sessions, and its tab says so", async () => {
  await using other = await world.browser("/settings/members");
  await using window = await world.browser("/settings/sessions");
  const row = window.page.getByRole("row").filter({ hasText: "browser" }).filter({ hasNotText: "this one" });
  await row.first().getByRole("button", { name: "Sign out" }).click();
  await window.press("Sign it out");
  await window.shows("is signed out.");
  await other.page.getByRole("dialog", { name: "You are signed out" }).waitFor();
});
