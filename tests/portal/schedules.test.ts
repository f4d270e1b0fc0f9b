import { setDefaultTimeout, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";

setDefaultTimeout(60_000);
const world = forAllTests(await PortalWorld.start(["--name", "alpha"]));
const compute = await world.person.client();

test("a schedule is made with its rule in words and its next fires, and shows them on a calendar", async () => {
  await using window = await world.window("/schedules");
  const { page } = window;
  await page.getByRole("link", { name: "New schedule" }).first().click();
  await page.getByRole("heading", { name: "New schedule" }).waitFor();
  await page.getByLabel("Name (optional)").fill("nightly");
  await page.getByLabel("Command", { exact: true }).fill("echo backed up");
  await page.getByLabel("Cron rule").fill("61 2 * * *");
  await page.locator(".problem").waitFor();
  await page.getByLabel("Cron rule").fill("30 2 * * *");
  await page.getByLabel("Time zone").selectOption("Europe/Berlin");
  await window.shows("At 02:30 every day");
  await page
    .getByText(/at 02:30 (CET|CEST|GMT)/)
    .nth(4)
    .waitFor();
  await window.press("Create the schedule");
  await page.getByRole("heading", { name: "nightly" }).waitFor();
  const days = page.getByRole("list", { name: /^Fires in / });
  await days
    .getByText(/: 1 fire$/)
    .first()
    .waitFor();
  const shown = await days.getAttribute("aria-label");
  await window.press("The next month");
  await page.locator(`ol.days:not([aria-label="${shown}"]) li.fires`).first().waitFor();
  expectQuiet(window);
});

test("run now leads to the job, whose end appears in the history; pause and resume say what fires next", async () => {
  const { scheduleId } = await compute.schedules.create({
    name: "by hand",
    cron: "0 0 1 1 *",
    job: { command: "echo done" },
  });
  await using window = await world.window(`/schedules/${scheduleId}`);
  const { page } = window;
  await window.shows("It has not fired yet.");
  await window.press("Run now");
  const link = page.getByRole("link", { name: "see its job" });
  await link.waitFor();
  const jobId = (await link.getAttribute("href"))?.slice("/jobs/".length) ?? "";
  const row = page.getByRole("row", { name: "a person" });
  await compute.jobs.wait(jobId);
  await row.getByText("Succeeded").waitFor();
  await window.press("Pause");
  await window.shows("None while it is paused.");
  await window.press("Resume");
  await page.getByRole("list", { name: /^Fires in / }).waitFor();
  // What said where the job is goes after some seconds.
  await window.press("Run now");
  await link.last().click();
  await page.waitForURL(/\/jobs\/job_/);
  expectQuiet(window);
});

test("a fire that was skipped says why", async () => {
  const { scheduleId } = await compute.schedules.create({
    name: "every second",
    cron: "* * * * * *",
    overlap: "forbid",
    job: { command: "sleep 60" },
  });
  await using window = await world.window("/schedules");
  await window.page.getByRole("link", { name: "every second" }).click();
  const row = window.page.getByRole("row", { name: "Skipped" }).first();
  await row.getByText("Overlap: An earlier job of this schedule was not over.").waitFor();
  await window.press("Run now");
  // A fire that the rule forbids is refused, with the reason.
  await window.shows("The server refused this");
  await compute.schedules.delete(scheduleId);
  const [running] = await Array.fromAsync(compute.jobs.list({ name: "every second", status: ["RUNNING"] }));
  if (running) await compute.jobs.cancel(running.jobId);
  await window.shows("There is no such thing");
});

test("a schedule starts from a template with its parameters, and from a job", async () => {
  await compute.templates.create({
    name: "greet",
    parameters: [
      { name: "who", type: "string", required: true },
      { name: "loud", type: "boolean", default: false },
    ],
    job: { command: ["echo", "{{who}}", "{{loud}}"] },
  });
  const { templateId } = await compute.templates.retrieve("greet");
  await using window = await world.window(`/schedules?template=${templateId}`);
  await window.page.getByLabel("who (required)").fill("anna");
  await window.press("Create the schedule");
  await window.page.getByRole("heading", { name: "Runs a template" }).waitFor();
  await window.shows("anna");
  const job = await compute.jobs.submitAndWait({ name: "one of many", command: ["echo", "it's"] });
  await window.page.goto(`${world.url}/schedules?job=${job.jobId}`);
  await window.shows("it's");
  await window.press("Create the schedule");
  await window.page.getByRole("heading", { name: "Runs a job" }).waitFor();
  await window.shows("echo 'it'\\''s'");
  expectQuiet(window);
});

test("a schedule that is deleted leaves the list, and its page says so", async () => {
  const { scheduleId } = await compute.schedules.create({
    name: "goes",
    cron: "@yearly",
    job: { command: "true" },
  });
  await using window = await world.window(`/schedules/${scheduleId}`);
  await window.press("More for this schedule");
  await window.press("Delete");
  await window.page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await window.page.getByRole("heading", { name: "Schedules" }).waitFor();
  await window.page.getByRole("link", { name: "goes", exact: true }).waitFor({ state: "detached" });
  await world.show(window, `/schedules/${scheduleId}`);
  await window.shows("There is no such thing");
});
