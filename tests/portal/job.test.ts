import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { JobManifestInput } from "../../sdk/index.ts";
import type { Window } from "../support/chromium.ts";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";
import { waitFor } from "../support/wait.ts";
import { workflowJob } from "../support/workflow/workflow-jobs.ts";

const world = forAllTests(await PortalWorld.start(["--name", "alpha", "--slots", "8"]));
const { person } = world;
const files = await FilesOfJobs.of(person);
const { jobs } = files.compute;

async function submit(manifest: JobManifestInput): Promise<string> {
  return (await jobs.submit(manifest)).jobId;
}

/** Submits a job and waits for its end. */
async function run(manifest: JobManifestInput): Promise<string> {
  return (await jobs.submitAndWait(manifest)).jobId;
}

/** What the page says about the state of its job. */
function status({ page }: Window) {
  return page.locator(".page-head .status");
}

test("a running job's log moves, and a cancel ends it, without a reload", async () => {
  const go = person.home.join("go");
  const jobId = await submit({
    name: "encode",
    command: `echo first; until [ -e ${go} ]; do sleep 0.05; done; echo second; sleep 1000`,
  });
  await using window = await world.window(`/jobs/${jobId}`);
  await window.shows("first");
  expect(await status(window).textContent()).toContain("Running");
  await Bun.write(go, "");
  await window.shows("second");
  await window.press("Cancel");
  await window.press("Cancel it");
  await status(window).filter({ hasText: "Cancelled" }).waitFor();
  expect((await jobs.retrieve(jobId)).status).toBe("CANCELLED");
  await window.shows("Somebody cancelled it");
  expectQuiet(window);
});

test("a failed job says how it ended and what to do, and a retry is its second attempt", async () => {
  const jobId = await run({ name: "etl", command: "echo out of rows; exit 3" });
  await using window = await world.window(`/jobs/${jobId}`);
  await window.shows("The command ended with exit code 3");
  await window.shows("out of rows");
  await window.press("Retry");
  await window.page.locator(".job-strip", { hasText: "Attempt2" }).waitFor();
  await window.page.locator(".log-row", { hasText: "out of rows" }).nth(1).waitFor();
  await window.page.getByRole("link", { name: "Details" }).click();
  const rows = window.page.getByRole("table", { name: "Attempts" }).locator("tbody tr");
  await rows.nth(1).waitFor();
  await rows.first().filter({ hasText: "exit code 3" }).waitFor();
  expect(await rows.count()).toBe(2);
  expectQuiet(window);
});

test("a clone leads to the form with this job in it", async () => {
  const jobId = await run({ command: ["true"] });
  await using window = await world.window(`/jobs/${jobId}`);
  await window.page.getByRole("link", { name: "Clone" }).click();
  await window.page.waitForURL(`${world.url}/submit?job=${jobId}`);
});

test("outputs are a tree whose files can be looked at and downloaded, one or all; results and problems are shown", async () => {
  const jobId = await run({
    command: `mkdir -p out/sub; printf '<script>document.title="bad"</script>' > out/page.html; echo deep > out/sub/deep.txt
      echo score=0.93 >> $TANVRIT_RESULTS`,
    outputs: ["out/**", "none/*"],
  });
  await using window = await world.window(`/jobs/${jobId}/files`);
  const { page } = window;
  await window.shows("Not everything could be kept");
  await page.getByRole("button", { name: "page.html", exact: true }).click();
  await window.shows('<script>document.title="bad"</script>');
  expect(await page.title()).not.toBe("bad");
  await window.press("Close");
  const one = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download out/sub/deep.txt" }).click();
  expect(readFileSync(await (await one).path(), "utf8")).toBe("deep\n");
  const all = page.waitForEvent("download");
  await window.press("Download all");
  const zip = await all;
  expect(zip.suggestedFilename()).toBe(`outputs-${jobId}.zip`);
  expect(readFileSync(await zip.path(), "latin1")).toContain("out/sub/deep.txt");
  await page.getByRole("link", { name: "Details" }).click();
  await page.getByRole("table", { name: "Results" }).getByText("0.93").waitFor();
  expectQuiet(window);
});

test("a workflow shows its steps, annotations and summary; a step leads to its part of the log", async () => {
  const workflow = `
on: push
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - run: echo fine
  build:
    runs-on: ubuntu-latest
    steps:
      - name: Compile
        run: |
          echo "::error file=src/app.ts,line=12::expected 3"
          printf '# Report\\n\\n| a |\\n|---|\\n| cell |\\n\\n![pic](https://example.com/x.png) <script>alert(1)</script>\\n' >> $GITHUB_STEP_SUMMARY
          exit 4
`;
  const jobId = await submit(await workflowJob(files, workflow));
  await jobs.wait(jobId);
  await using window = await world.window(`/jobs/${jobId}/workflow`);
  const { page } = window;
  await window.shows("src/app.ts:12");
  await page.getByRole("cell", { name: "cell", exact: true }).waitFor();
  expect(await page.locator(".markdown img, .markdown script").count()).toBe(0);
  expect(await page.locator(".markdown a").getAttribute("href")).toBe("https://example.com/x.png");
  await page
    .locator(".run-tree")
    .getByRole("link", { name: /Compile/ })
    .click();
  await page.waitForURL(/#L\d+$/);
  await page.locator(".log-row", { hasText: "Compile" }).first().waitFor();
  await window.press("Retry failed jobs");
  await page.locator(".job-strip", { hasText: "Attempt2" }).waitFor();
  await jobs.wait(jobId);
  expect(
    (await jobs.retrieve(jobId)).workflowRun?.jobs.map(({ key, conclusion }) => [key, conclusion]),
  ).toEqual([
    ["lint", "success"],
    ["build", "failure"],
  ]);
  expectQuiet(window);
});

test("a job that waits says for what, and on which nodes it does not fit", async () => {
  const jobId = await submit({ command: "true", resources: { gpuCount: 64 } });
  await using window = await world.window(`/jobs/${jobId}`);
  await window.shows("No node can run it");
  await window.shows("it has 0 GPUs, the job asks for 64");
  const after = await submit({ command: "true", after: [{ jobId }] });
  await world.show(window, `/jobs/${after}`);
  await window.shows("It waits for another job");
  await window.page.keyboard.press("]");
  await window.page.waitForURL(`${world.url}/jobs/${after}/details`);
  expectQuiet(window);
});

test("a job that waits for a node says its place in the queue", async () => {
  await using other = await PortalWorld.start(["--slots", "1"]);
  const compute = await other.person.client();
  const { jobId: first } = await compute.jobs.submit({ command: "sleep 1000" });
  await waitFor("its start", async () => (await compute.jobs.retrieve(first)).status === "RUNNING");
  const waiting = await compute.jobs.submitBatch([{ command: "true" }, { command: "true" }]);
  await using window = await other.window(`/jobs/${waiting[1]?.jobId}`);
  await window.shows("Place in the queue of its pool: 2");
});

test("an array shows how many of its jobs are in each state, and each of them", async () => {
  const jobId = await run({ command: "test $TANVRIT_ARRAY_INDEX -ne 2", array: "1-3" });
  await using window = await world.window(`/jobs/${jobId}`);
  const { page } = window;
  await page.getByRole("button", { name: /Failed\s*1/ }).click();
  await page.getByText("1–1 of 1").waitFor();
  await page.locator(".array-grid a").click();
  await window.shows("#2");
  await page.getByRole("link", { name: "Array" }).click();
  await page.waitForURL(`${world.url}/jobs/${jobId}`);
  expectQuiet(window);
});

test("what is copied is a command line, a request and a program that submit the job again", async () => {
  const jobId = await run({ name: "it's", command: ["echo", "a b"] });
  await using window = await world.window(`/jobs/${jobId}`);
  const { page } = window;
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  for (const [way, start] of [
    ["Command line", "tanvrit-compute job submit --name 'it'\\''s' -- echo 'a b'"],
    ["curl", "curl "],
    ["TypeScript", "import { createComputeClient }"],
  ] as const) {
    await page.getByRole("button", { name: "Copy as" }).click();
    await page.locator(".menu").getByRole("button", { name: way, exact: true }).click();
    await window.shows("Copied.");
    // The word may still be that of the copy before.
    const copied = () => page.evaluate(() => navigator.clipboard.readText());
    await waitFor(`${way} to be copied`, async () => (await copied()).startsWith(start));
  }
});

test("a job that is deleted while its page is open says so, and comes back from the trash", async () => {
  const jobId = await run({ name: "old", command: "echo kept" });
  await using window = await world.window(`/jobs/${jobId}`);
  await window.shows("kept");
  await person.get(["job", "delete", jobId]);
  await window.shows("This job was deleted");
  await window.press("Bring it back");
  await window.shows("kept");
  await world.show(window, "/jobs/job_00000000000000000000000000");
  await window.shows("This job is not here");
  expectQuiet(window);
});

test("markup in the fields of a job stays text, and a long command is cut in the title", async () => {
  const jobId = await run({
    command: `echo '<script>document.title="bad"</script>' ${"x".repeat(10_000)}; exit 1`,
    env: { A: "<img src=x onerror=alert(1)>" },
  });
  await using window = await world.window(`/jobs/${jobId}`);
  expect((await window.page.locator("h1").textContent())?.length).toBeLessThan(250);
  await world.show(window, `/jobs/${jobId}/manifest`);
  await window.shows("<img src=x onerror=alert(1)>");
  const width = await window.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(width).toBeLessThanOrEqual(0);
  expectQuiet(window);
});

test("a job becomes a template", async () => {
  const jobId = await run({ name: "Nightly Build!", command: ["true"] });
  await using window = await world.window(`/jobs/${jobId}`);
  await window.press("More actions");
  await window.press("Save as a template");
  await window.press("Save");
  await window.page.waitForURL(/\/templates\/tpl_/);
});
