import { expect, test } from "bun:test";
import type { Window } from "../support/chromium.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";

const world = forAllTests(await PortalWorld.start(["--name", "alpha"]));
const { person } = world;
/** No node has it, so these jobs wait. */
const WAITS = ["--label", "never=there"];
const SCRIPT = "<script>alert(1)</script>";

const row = ({ page }: Window, name: string) =>
  page.locator("tr[data-job]").filter({ has: page.getByRole("link", { name, exact: true }) });
const select = (window: Window, name: string) => row(window, name).getByRole("checkbox").click();

test("without a job, the overview and the list say how to submit one", async () => {
  await using window = await world.window("/jobs");
  await window.shows("No job yet");
  await window.shows("tanvrit-compute job run");
  await world.show(window, "/");
  await window.shows("First steps");
  await window.page.getByText("Done", { exact: true }).waitFor();
  expectQuiet(window);
});

test("a job appears in the list and on the overview, and its state moves, without a reload", async () => {
  await using window = await world.window("/jobs");
  await using overview = await world.window("/");
  await person.submit(["--name", "quick", "--", "sh", "-c", "exit 3"]);
  await row(window, "quick").getByText("Failed").waitFor();
  await row(window, "quick").getByText("Exit code 3").waitFor();
  await row(window, "quick").getByRole("link", { name: "alpha" }).waitFor();
  const failures = overview.page
    .locator("section")
    .filter({ has: overview.page.getByRole("heading", { name: "Recent failures" }) })
    .last();
  await failures.getByRole("link", { name: "quick" }).waitFor();
  await overview.page.locator("canvas").first().waitFor();
  expectQuiet(window);
  expectQuiet(overview);
});

test("filters are in the address, survive a reload, and are taken off one by one", async () => {
  await person.submit(["--name", "vision-train", ...WAITS, "--label", "team=vision", "--", "true"]);
  await person.submit(["--name", "vision-other", ...WAITS, "--", "true"]);
  await using window = await world.window("/jobs");
  await window.page.getByRole("searchbox").fill("VISION-");
  await window.page.waitForURL(/[?&]q=VISION-/);
  await row(window, "vision-other").waitFor();
  expect(await row(window, "quick").count()).toBe(0);
  await window.press("Filter the jobs");
  await window.page.getByRole("checkbox", { name: "Queued" }).check();
  await window.page.getByLabel("By", { exact: true }).selectOption("me");
  await window.page.getByLabel("Label that the job asks for").fill("team=vision");
  await window.press("Add");
  await row(window, "vision-other").waitFor({ state: "detached" });
  await window.page.reload();
  await row(window, "vision-train").waitFor();
  expect(await row(window, "vision-other").count()).toBe(0);
  await window.page.getByRole("link", { name: "Take off the filter Label: team=vision" }).click();
  await row(window, "vision-other").waitFor();
  expect(new URL(window.page.url()).searchParams.toString()).toBe("status=QUEUED&q=VISION-&by=me");
  await world.show(window, "/jobs?q=nothing-has-this");
  await window.shows("No job matches");
  await window.page.getByRole("link", { name: "Clear the filters" }).click();
  await row(window, "quick").waitFor();
  expectQuiet(window);
});

test("what is selected is cancelled and retried together, after a question that says how many they are", async () => {
  for (const name of ["bulk-1", "bulk-2", "bulk-3"])
    await person.submit(["--name", name, ...WAITS, "--", "true"]);
  await using window = await world.window("/jobs?q=bulk-");
  await select(window, "bulk-3");
  await row(window, "bulk-1")
    .getByRole("checkbox")
    .click({ modifiers: ["Shift"] });
  await window.shows("3 selected.");
  await select(window, "bulk-2");
  await window.press("Cancel 2");
  await window.press("Cancel 2 jobs");
  await window.shows("2 jobs cancelled.");
  await row(window, "bulk-3").getByText("Cancelled").waitFor();
  await row(window, "bulk-2").getByText("Queued").waitFor();
  await window.page.getByRole("checkbox", { name: "Select all jobs that are shown" }).click();
  await window.press("Retry 2");
  await window.press("Retry 2 jobs");
  await row(window, "bulk-3").getByText("Queued").waitFor();
  expectQuiet(window);
});

test("all jobs that match are cancelled and deleted, also those that are not shown", async () => {
  const client = await person.client();
  const labels = { never: "there" };
  const jobs = Array.from({ length: 60 }, (_, i) => ({ name: `many-${i}`, command: "true", labels }));
  await client.jobs.submitBatch(jobs);
  await using window = await world.window("/jobs?q=many-");
  await row(window, "many-59").waitFor();
  await window.page.getByRole("checkbox", { name: "Select all jobs that are shown" }).click();
  await window.press("Select all that match");
  await window.press("Cancel all");
  await window.press("Cancel 60 jobs");
  await window.shows("60 jobs cancelled.");
  await window.page.getByRole("checkbox", { name: "Select all jobs that are shown" }).click();
  await window.press("Select all that match");
  await window.press("Delete all");
  await window.press("Delete 60 jobs");
  await window.shows("trash restore");
  await window.shows("No job matches");
  expect((await client.jobs.count({ search: "many-" })).count).toBe(0);
  expectQuiet(window);
});

test("a view is saved with its filters, and is there after a reload until it is removed", async () => {
  await using window = await world.window("/jobs?status=QUEUED&q=vision");
  await window.press("Save view");
  await window.page.getByRole("textbox", { name: "Name", exact: true }).fill("Vision");
  await window.press("Save");
  await window.page.getByRole("link", { name: "All", exact: true }).click();
  await window.page.reload();
  await window.page.getByRole("link", { name: "Vision", exact: true }).click();
  await window.page.waitForURL(/status=QUEUED&q=vision/);
  await window.press("Remove view");
  await window.page.getByRole("link", { name: "Vision", exact: true }).waitFor({ state: "detached" });
  expectQuiet(window);
});

test("keys move through the list, select, open, search and lead to other pages, and ? lists them", async () => {
  await using window = await world.window("/jobs?q=vision-");
  const { keyboard } = window.page;
  await row(window, "vision-other").waitFor();
  await keyboard.press("j");
  await keyboard.press("j");
  await keyboard.press("k");
  await keyboard.press("x");
  await window.shows("1 selected.");
  expect(await row(window, "vision-other").getByRole("checkbox").isChecked()).toBe(true);
  await keyboard.press("/");
  await keyboard.type("gj");
  expect(await window.page.getByRole("searchbox").inputValue()).toBe("vision-gj");
  await keyboard.press("Escape");
  await keyboard.press("Shift+?");
  await window.page.getByRole("dialog", { name: "Keyboard shortcuts" }).getByText("Next job").waitFor();
  await keyboard.press("Escape");
  await world.show(window, "/jobs?q=vision-");
  await row(window, "vision-train").waitFor();
  await keyboard.press("j");
  await keyboard.press("Enter");
  await window.page.waitForURL(/\/jobs\/job_/);
  await keyboard.press("g");
  await keyboard.press("n");
  await window.page.waitForURL(/\/nodes$/);
});

test("an array is one row, which opens", async () => {
  await person.submit(["--name", "grid", ...WAITS, "--array", "1-20", "--", "true"]);
  await using window = await world.window("/jobs?q=grid");
  await row(window, "grid").waitFor();
  expect(await window.page.locator("tr[data-job]").count()).toBe(1);
  await window.press("Jobs of the array grid");
  await window.page.getByRole("link", { name: "All 20 jobs of this array" }).click();
  await window.page.waitForURL(/array=job_/);
  await window.page.locator("tr[data-job]").nth(19).waitFor();
  expect(await window.page.locator("tr[data-job]").count()).toBe(20);
  expectQuiet(window);
});

test("names that are code, or very long, are only text, and the page keeps its width", async () => {
  await person.submit(["--name", SCRIPT, ...WAITS, "--", "true"]);
  await person.submit(["--name", "n".repeat(200), ...WAITS, "--", "true"]);
  await person.submit([...WAITS, "--", "echo", "w".repeat(10_000)]);
  await using window = await world.window("/jobs", { viewport: { width: 390, height: 844 } });
  await row(window, SCRIPT).waitFor();
  for (const path of ["/jobs", "/"]) {
    await world.show(window, path);
    const wide = await window.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    expect({ path, wide }).toEqual({ path, wide: 0 });
  }
  expectQuiet(window);
});

test("new jobs do not push the list while somebody is further down", async () => {
  const client = await person.client();
  const labels = { never: "there" };
  await client.jobs.submitBatch(
    Array.from({ length: 50 }, (_, i) => ({ name: `deep-${i}`, command: "true", labels })),
  );
  await using window = await world.window("/jobs?q=deep-");
  await row(window, "deep-0").scrollIntoViewIfNeeded();
  await client.jobs.submit({ name: "deep-new", command: "true", labels });
  await window.page.getByRole("button", { name: "1 new job" }).waitFor();
  expect(await row(window, "deep-new").count()).toBe(0);
  await window.press("1 new job");
  await row(window, "deep-new").waitFor();
});
