import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";

const world = forAllTests(await PortalWorld.start());
const { person } = world;

test("what changes elsewhere appears without a reload", async () => {
  await using window = await world.window("/settings/secrets");
  await window.shows("No secrets");
  await person.get(["secret", "set", "from-the-shell"], { stdin: "x" });
  await window.page.getByRole("cell", { name: "from-the-shell", exact: true }).waitFor();
  expectQuiet(window);
});

test("a server that is away is shown, and the page goes on by itself when it is back", async () => {
  await using window = await world.window("/settings/secrets");
  await world.person.server.stop();
  await window.shows("The connection to the server is lost");
  await world.person.server.startAgain();
  await window.page.getByText("The connection to the server is lost").waitFor({ state: "detached" });
  await person.get(["secret", "set", "after-the-restart"], { stdin: "x" });
  await window.page.getByRole("cell", { name: "after-the-restart", exact: true }).waitFor();
});

test("an answer with HTTP 500 is said in its place, with a way to try again", async () => {
  await using window = await world.window("/settings/secrets");
  await window.page.route("**/secrets/list", (route) =>
    route.fulfill({
      status: 500,
      contentType: "application/problem+json",
      body: JSON.stringify({ code: "internal", title: "x", status: 500, detail: "The disk is broken." }),
    }),
  );
  await window.page.reload();
  expect(await window.shows("The disk is broken.")).toContain("The server failed");
  await window.page.unroute("**/secrets/list");
  await window.press("Try again");
  await window.page.getByRole("cell", { name: "from-the-shell", exact: true }).waitFor();
});

test("a page whose script fails says so, and the other pages go on", async () => {
  await using window = await world.window("/settings/secrets");
  await window.page.route("**/members/list", (route) =>
    route.fulfill({ status: 200, contentType: "application/json", body: JSON.stringify({ members: 1 }) }),
  );
  await window.page.getByRole("link", { name: "Members" }).click();
  await window.shows("Something in this page failed");
  await window.page.getByRole("link", { name: "Nodes" }).click();
  await window.page.getByRole("heading", { name: "Nodes" }).waitFor();
  await world.show(window, "/settings/secrets");
  await window.page.getByRole("cell", { name: "from-the-shell", exact: true }).waitFor();
  expect(await window.page.getByText("Something in this page failed").count()).toBe(0);
});
