import { expect, test } from "bun:test";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";
import {
  endings,
  runWorkflowJob,
  type WorkflowJobOptions,
  workflowJob,
} from "../support/workflow/workflow-jobs.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "8"] }));
const jobs = await FilesOfJobs.of(person);

const run = (workflow: string, given?: WorkflowJobOptions) => runWorkflowJob(jobs, workflow, given);

test("a workflow succeeds, and its tree shows every job and step, with outputs, annotations and a summary", async () => {
  const workflow = `
name: CI
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    outputs:
      version: \${{ steps.v.outputs.version }}
    steps:
      - uses: actions/checkout@v4
      - id: v
        run: echo "version=$(cat VERSION)" >> "$GITHUB_OUTPUT"
      - name: Say it
        run: |
          echo "::warning file=VERSION,line=1::old version"
          echo "# Built" >> "$GITHUB_STEP_SUMMARY"
  use:
    needs: build
    runs-on: ubuntu-latest
    steps:
      - run: test "\${{ needs.build.outputs.version }}" = 1.2
`;
  const { job } = await run(workflow, { files: { VERSION: "1.2\n" } });
  expect(job).toMatchObject({ status: "SUCCESS", exitCode: 0 });
  const tree = job.workflowRun;
  expect(tree).toMatchObject({ name: "CI", event: "push", status: "completed", conclusion: "success" });
  expect(endings(tree)).toEqual([
    'build: success | Run actions/checkout@v4: success | Run echo "version=$(cat VERSION)" >> "$GITHUB_OUTPUT": success | Say it: success',
    'use: success | Run test "1.2" = 1.2: success',
  ]);
  const [build] = tree?.jobs ?? [];
  expect(build).toMatchObject({ outputs: { version: "1.2" }, summary: expect.stringContaining("# Built") });
  expect(build?.annotations).toMatchObject([
    { level: "warning", message: "old version", file: "VERSION", line: 1 },
  ]);
});

test("a workflow that fails names the job and the step, and the exit code is 1", async () => {
  const workflow = `
on: push
jobs:
  lint:
    runs-on: ubuntu-latest
    steps: [{ run: "true" }]
  build:
    runs-on: ubuntu-latest
    steps:
      - run: exit 7
      - run: echo never
      - if: always()
        run: echo cleaned up
  deploy:
    needs: build
    runs-on: ubuntu-latest
    steps: [{ run: "true" }]
`;
  const { job } = await run(workflow);
  expect(job).toMatchObject({
    status: "FAILED",
    exitCode: 1,
    message: expect.stringMatching(
      /^A job of the workflow failed: build: step \d+ “Run exit 7” \(exit code 7\)\.$/,
    ),
  });
  expect(endings(job.workflowRun)).toEqual([
    "lint: success | Run true: success",
    "build: failure | Run exit 7: failure | Run echo never: skipped | Run echo cleaned up: success",
    "deploy: skipped",
  ]);
});

test("a workflow that is not valid ends before anything runs, and the message has each problem with its place", async () => {
  const { job } = await run("on: push\njobs:\n  build:\n    runs-on: ubuntu-latest\n    stesp: []\n");
  expect(job).toMatchObject({ status: "FAILED", exitCode: 65 });
  expect(job.message).toMatch(/not valid: \.github\/workflows\/ci\.yml:\d+:\d+: .*stesp/);
  const annotations = job.workflowRun?.annotations ?? [];
  expect(annotations).toContainEqual(expect.objectContaining({ level: "failure", line: 5, column: 5 }));
});

test("secrets of the server reach the workflow, and neither log, tree nor manifest has their value", async () => {
  await person.get(["secret", "set", "ci-token"], { stdin: "hunter2-hunter2" });
  const workflow = `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    outputs: { leak: "\${{ steps.s.outputs.leak }}" }
    steps:
      - id: s
        env: { TOKEN: "\${{ secrets.TOKEN }}" }
        run: |
          test "$TOKEN" = hunter2-hunter2
          echo "it is $TOKEN"
          echo "::error::$TOKEN"
          echo "leak=$TOKEN" >> "$GITHUB_OUTPUT"
          echo "$TOKEN" >> "$GITHUB_STEP_SUMMARY"
`;
  const { jobId, job } = await run(workflow, { request: { secrets: { TOKEN: "ci-token" } } });
  expect(job.status).toBe("SUCCESS");
  expect(await person.get(["job", "logs", jobId])).toContain("it is ***");
  const shown = JSON.stringify([await person.job(jobId), await person.get(["job", "logs", jobId])]);
  expect(shown).not.toContain("hunter2");
  const missing = await workflowJob(jobs, workflow, { request: { secrets: { TOKEN: "no-such" } } });
  await expect(jobs.submit(missing)).rejects.toThrow(
    "workflow.secrets.TOKEN: there is no secret no-such; set it with: tanvrit-compute secret set no-such",
  );
});

test("a cancel lets the steps that always run finish, and the job ends as CANCELLED with its whole tree", async () => {
  const workflow = `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo ready; sleep 100
      - run: echo never
      - if: always()
        run: echo cleaned up
`;
  const { jobId } = await jobs.submit(await workflowJob(jobs, workflow));
  await waitFor("its output", async () => (await person.get(["job", "logs", jobId])).includes("ready"));
  await person.get(["job", "cancel", jobId]);
  await jobs.compute.jobs.wait(jobId);
  const job = await jobs.compute.jobs.retrieve(jobId);
  expect(job.status).toBe("CANCELLED");
  expect(endings(job.workflowRun)).toEqual([
    "build: cancelled | Run echo ready; sleep 100: cancelled | Run echo never: skipped | Run echo cleaned up: success",
  ]);
  expect(job.workflowRun?.conclusion).toBe("cancelled");
});

test("a workflow that runs out of time is stopped like a cancelled one", async () => {
  const workflow = `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: sleep 100
      - if: always()
        run: echo cleaned up
`;
  const { job } = await run(workflow, { job: { timeoutSeconds: 2 } });
  expect(job).toMatchObject({ status: "TIMEOUT", reason: "Timeout" });
  expect(endings(job.workflowRun)).toEqual([
    "build: cancelled | Run sleep 100: cancelled | Run echo cleaned up: success",
  ]);
});

test("the directory of a workflow that failed stays on the node if its submitter asked for it", async () => {
  const workflow = `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo "look at me" > left; exit 1
`;
  const [kept, plain] = await Promise.all([
    run(workflow, { request: { keepOnFailure: true } }),
    run(workflow),
  ]);
  const { keptDirectory = "" } = kept.job.workflowRun ?? {};
  expect(await person.get(["job", "logs", kept.jobId])).toContain(`: ${keptDirectory}`);
  const left = await Array.fromAsync(new Bun.Glob("**/left").scan({ cwd: keptDirectory, dot: true }));
  expect(left).toHaveLength(1);
  expect(plain.job.workflowRun?.keptDirectory).toBeUndefined();
  const directories = () => [
    ...new Bun.Glob("agent/*/supervisors/*/work/*").scanSync({ cwd: person.home.path, onlyFiles: false }),
  ];
  await waitFor("the other directory to go", () => directories().length === 1, { seen: directories });
  // The next agent leaves it alone, too.
  await person.stopAgents();
  await person.startAgent(["--slots", "8"]);
  expect(directories()).toHaveLength(1);
});

test("a retry of the failed jobs runs only those, with the outputs of the others; the tree has all of them", async () => {
  const workflow = `
on: push
jobs:
  make:
    runs-on: ubuntu-latest
    outputs: { id: "\${{ steps.i.outputs.id }}" }
    steps:
      - id: i
        run: echo "made"; echo "id=$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')" >> "$GITHUB_OUTPUT"
  test:
    needs: make
    runs-on: ubuntu-latest
    strategy:
      fail-fast: false
      matrix: { leg: [a, b] }
    steps:
      - run: |
          echo "tests leg \${{ matrix.leg }} of \${{ needs.make.outputs.id }} in attempt \${{ github.run_attempt }}"
          test "\${{ matrix.leg }}" = a || test "\${{ github.run_attempt }}" -gt 1
  deploy:
    needs: test
    runs-on: ubuntu-latest
    steps: [{ run: "true" }]
`;
  const { job: first, jobId } = await run(workflow);
  const conclusions = (tree = first.workflowRun) =>
    tree?.jobs.map(({ key, conclusion }) => `${key}: ${conclusion}`).sort();
  expect(first.status).toBe("FAILED");
  expect(conclusions()).toEqual([
    "deploy: skipped",
    "make: success",
    "test (a): success",
    "test (b): failure",
  ]);
  await person.get(["job", "retry", jobId, "--failed"]);
  await jobs.compute.jobs.wait(jobId);
  const second = await jobs.compute.jobs.retrieve(jobId);
  expect(second).toMatchObject({ status: "SUCCESS", attempt: 2 });
  expect(conclusions(second.workflowRun)).toEqual([
    "deploy: success",
    "make: success",
    "test (a): success",
    "test (b): success",
  ]);
  const idOf = (tree = first.workflowRun) => tree?.jobs.find(({ key }) => key === "make")?.outputs?.id;
  const id = idOf();
  expect(id).toMatch(/^[0-9a-f]{8}$/);
  expect(idOf(second.workflowRun)).toBe(id);
  const log = await person.get(["job", "logs", jobId]);
  expect(log.match(/made$/gm)).toHaveLength(1);
  expect(log).toContain(`tests leg b of ${id} in attempt 2`);
  expect(log).not.toContain(`tests leg a of ${id} in attempt 2`);
  const { stderr, exitCode } = await person.run(["job", "retry", jobId, "--failed"]);
  expect([exitCode !== 0, stderr]).toEqual([true, expect.stringContaining("nothing to run again")]);
  await person.get(["job", "retry", jobId]);
  await jobs.compute.jobs.wait(jobId);
  const third = await jobs.compute.jobs.retrieve(jobId);
  expect(idOf(third.workflowRun)).not.toBe(id);
});

test("artifacts of the workflow are outputs of the job, besides those that the manifest names", async () => {
  const workflow = `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: mkdir dist; echo built > dist/app
      - uses: actions/upload-artifact@v4
        with: { name: site, path: dist }
`;
  const { job, jobId } = await run(workflow);
  expect(job.status).toBe("SUCCESS");
  expect(job.outputProblems).toBeUndefined();
  expect(await jobs.outputs(await jobs.execution(jobId))).toEqual({
    "artifacts/site.zip": expect.stringMatching(/^PK/),
  });
});

test("events of the workflow come with the live log, and together they are the tree", async () => {
  const { applyWorkflowEvent } = await import("../../shared/workflow-state.ts");
  const workflow = `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    steps:
      - run: echo one; sleep 1
      - run: echo two; sleep 1
      - run: echo three
`;
  const { jobId } = await jobs.submit(await workflowJob(jobs, workflow));
  let tree: Parameters<typeof applyWorkflowEvent>[0] | undefined;
  let known = 0;
  const seen = new Set<string>();
  for await (const event of jobs.compute.jobs.follow(jobId)) {
    if (event.event !== "workflow") continue;
    const { from, run: whole, events = [] } = event.data;
    if (whole) tree = whole;
    else expect(from).toBe(known);
    for (const one of events) if (tree) applyWorkflowEvent(tree, one);
    known = from + events.length;
    seen.add(tree?.jobs[0]?.steps.map(({ status }) => status).join() ?? "");
  }
  expect(tree).toEqual((await jobs.compute.jobs.retrieve(jobId)).workflowRun);
  // It was seen while it ran, not only at the end.
  expect([...seen].some((statuses) => statuses.includes("in_progress"))).toBe(true);
});
