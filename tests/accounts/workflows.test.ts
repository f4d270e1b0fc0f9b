import { expect, test } from "bun:test";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { leftOf } from "../support/other-account.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";
import { endings, runWorkflowJob } from "../support/workflow/workflow-jobs.ts";

const NOBODY = 65_534;

test("with runAs a workflow runs as the account, with its secrets, events, artifacts and cache, and leaves nothing", async () => {
  await using person = await Person.withServer();
  await Bun.write(person.home.join("agent.yaml"), "runAs: nobody\n");
  await person.startAgent(["--slots", "4"]);
  const jobs = await FilesOfJobs.of(person);
  await jobs.compute.client.call("secrets.set", { name: "token", valueBase64: btoa("secret-value") });
  const workflow = `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Account
        run: test "$(id -u)" = ${NOBODY} && test "$(stat -c %u .)" = ${NOBODY} && cat VERSION
      - name: Secret
        env: { TOKEN: "\${{ secrets.TOKEN }}" }
        run: test "$TOKEN" = secret-value
      - run: mkdir dist; echo built > dist/app
      - uses: actions/upload-artifact@v4
        with: { name: site, path: dist }
`;
  const request = { secrets: { TOKEN: "token" } };
  const { jobId, job } = await runWorkflowJob(jobs, workflow, { files: { VERSION: "1" }, request });
  expect([job.status, job.message]).toEqual(["SUCCESS", undefined]);
  expect(endings(job.workflowRun)[0]).toContain("Account: success | Secret: success");
  const execution = await jobs.execution(jobId);
  expect(Object.keys(await jobs.outputs(execution))).toEqual(["artifacts/site.zip"]);
  await waitFor("its directory to go", () => leftOf(execution.executionId).length === 0);
});
