import { expect, setDefaultTimeout, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { expectQuiet, PortalWorld } from "../support/portal.ts";

setDefaultTimeout(60_000);
const config = {
  pools: { cloud: { hosted: true, sku: "standard" } },
  prices: { standard: { vcpuSecondMicroUsd: 11.111, gibSecondMicroUsd: 1.5, gpuSecondMicroUsd: 0 } },
};
const world = forAllTests(await PortalWorld.start(["--pool", "cloud"], config));
const compute = await world.person.client();

test("what a job costs appears in the ledger, with the job, to the millionth of a dollar", async () => {
  await using window = await world.window("/credits");
  await window.shows("$30.00");
  await window.page.getByRole("row", { name: "cloud" }).getByText("$0.0400").waitFor();
  const { jobId } = await compute.jobs.submitAndWait({ pool: "cloud", command: "true", timeoutSeconds: 60 });
  const row = window.page.getByRole("row", { name: "Cost of a job" });
  await row.getByRole("link", { name: jobId }).waitFor();
  await window.page.getByRole("row", { name: "Came back" }).waitFor();
  const { availableMicroUsd } = await compute.credits.balance();
  expect(availableMicroUsd).toBeLessThan(30_000_000);
  await window.shows(`$${(availableMicroUsd / 1e6).toFixed(6)}`);
  const most = window.page.getByRole("table", { name: "Jobs that cost most" });
  await most.locator(`a[href="/jobs/${jobId}"]`).waitFor();
  expectQuiet(window);
});

test("an owner grants credit, and everybody sees who granted it and why", async () => {
  await using window = await world.window("/credits");
  const { page } = window;
  await window.press("Grant credit");
  await page.getByLabel("Amount in US dollars").fill("twelve");
  await window.shows("An amount like 12.50");
  await page.getByLabel("Amount in US dollars").fill("12.50");
  await page.getByLabel("Reason").fill("a long run");
  await window.press("Grant");
  const row = page.getByRole("row", { name: "a long run" });
  await row.getByText("+$12.50").waitFor();
  expectQuiet(window);
});
