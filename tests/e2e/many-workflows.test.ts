import { expect, test } from "bun:test";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor } from "../support/wait.ts";
import { runWorkflowJob, workflowJob } from "../support/workflow/workflow-jobs.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "8"] }));
const jobs = await FilesOfJobs.of(person);

test("in a concurrency group one run waits for another, and a later one takes the place of the one that waits", async () => {
  const workflow = `
on: push
concurrency: deploy
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo started; until [ -e ${person.home.join("go")} ]; do sleep 0.05; done
`;
  const submit = async () => (await jobs.submit(await workflowJob(jobs, workflow))).jobId;
  const started = (jobId: string) =>
    waitFor("its start", async () => (await person.job(jobId)).status === "RUNNING");
  const first = await submit();
  await waitFor("its step", async () => (await person.get(["job", "logs", first])).includes("started"));
  const second = await submit();
  await started(second);
  await waitFor("it to wait", async () => (await person.job(second)).workflowRun?.status === "in_progress");
  const third = await submit();
  await jobs.compute.jobs.wait(second);
  expect(await person.job(second)).toMatchObject({
    status: "CANCELLED",
    message:
      "The workflow was cancelled: Canceling since a higher priority waiting request for 'deploy' exists",
    workflowRun: { conclusion: "cancelled" },
  });
  await Bun.write(person.home.join("go"), "");
  for (const jobId of [first, third]) {
    await jobs.compute.jobs.wait(jobId);
    expect((await person.job(jobId)).status).toBe("SUCCESS");
  }
});

test("two workflows at once on one node see neither each other's files nor environment", async () => {
  const workflow = `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    strategy: { matrix: { n: [1, 2] } }
    steps:
      - uses: actions/checkout@v4
      - run: |
          test -z "$MARK"
          echo "MARK=$(cat ME)" >> "$GITHUB_ENV"
          cp ME mine; sleep 1
      - run: test "$MARK" = "$(cat ME)" && test "$(ls)" = "$(printf 'ME\\nmine')" && test "$(cat mine)" = "$MARK"
`;
  const both = await Promise.all(
    ["one", "two"].map((ME) => runWorkflowJob(jobs, workflow, { files: { ME } })),
  );
  expect(both.map(({ job }) => [job.status, job.message])).toEqual([
    ["SUCCESS", undefined],
    ["SUCCESS", undefined],
  ]);
});

test("arrays, batches, templates and schedules run workflows like other jobs", async () => {
  const workflow = `
on: { workflow_dispatch: { inputs: { who: { default: nobody } } } }
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo "index $TANVRIT_ARRAY_INDEX who \${{ inputs.who }}"
`;
  const job = await workflowJob(jobs, workflow, { request: { event: "workflow_dispatch" } });
  const { client } = jobs.compute;
  const array = await jobs.submit({ ...job, array: "1-2" });
  const batch = await client.call("jobs.submit-batch", { jobs: [job, job] });
  await client.call("templates.create", {
    name: "ci",
    parameters: [{ name: "who", type: "string" }],
    job: { ...job, workflow: { ...job.workflow, inputs: { who: "{{who}}" } } },
  });
  const made = await client.call("templates.run", { template: "ci", params: { who: "ada" } });
  const schedule = await client.call("schedules.create", { name: "soon", cron: "0 0 1 1 *", job });
  const { jobId: fired = "" } = await client.call("schedules.run", { scheduleId: schedule.scheduleId });
  const ids = [array.jobId, ...batch.jobs.map(({ jobId }) => jobId), made.jobId, fired];
  for (const jobId of ids) await jobs.compute.jobs.wait(jobId);
  for (const jobId of ids) expect((await person.job(jobId)).status).toBe("SUCCESS");
  expect(await person.get(["job", "logs", made.jobId])).toContain("who ada");
});

test("a schedule and a dry run take the options of a workflow; a schedule needs a repository that the node can fetch", async () => {
  await using own = await makeScratch();
  await Bun.write(
    own.join("ci.yml"),
    "on: push\njobs: {a: {runs-on: ubuntu-latest, steps: [{run: 'true'}]}}",
  );
  const schedule = ["schedule", "create", "--cron", "@daily", "--workflow"];
  const local = await person.run([...schedule, own.join("ci.yml")]);
  expect([local.exitCode, local.stderr]).toEqual([64, expect.stringContaining("give its URL with --repo")]);
  const cloned = await person.run([...schedule, "ci.yml", "--repo", "https://github.com/o/r@v1", "--json"]);
  expect(JSON.parse(cloned.stdout)).toMatchObject({
    job: {
      type: "GITHUB_ACTION",
      workflow: { path: "ci.yml", clone: { url: "https://github.com/o/r", ref: "v1" } },
    },
  });
  const secret = await person.run([
    ...schedule,
    "ci.yml",
    "--repo",
    "https://github.com/o/r",
    "--secret",
    "A=b",
  ]);
  expect([secret.exitCode, secret.stderr]).toEqual([64, expect.stringContaining("--secret-env A=NAME")]);
  const dry = await person.run(["job", "submit", "--workflow", own.join("ci.yml"), "--dry-run"]);
  expect([dry.exitCode, dry.stderr]).toEqual([0, expect.stringContaining("of the repository")]);
});
