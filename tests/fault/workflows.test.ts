import { afterEach, expect, test } from "bun:test";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { processesNaming, processesOfJob } from "../support/processes.ts";
import { killSupervisors } from "../support/supervisors.ts";
import { waitFor } from "../support/wait.ts";
import { endings, workflowJob } from "../support/workflow/workflow-jobs.ts";

const person = forAllTests(await Person.withServer());
const jobs = await FilesOfJobs.of(person);
afterEach(() => person.stopAgents());

const inProgress = async (jobId: string) =>
  (await jobs.compute.jobs.retrieve(jobId)).workflowRun?.jobs[0]?.steps.some(
    ({ status, name }) => status === "in_progress" && name.startsWith("Wait"),
  );

/** Waits in its second of three steps until the file is there. */
const workflowThatWaits = (gate: string) => `
on: push
jobs:
  build:
    runs-on: ubuntu-latest
    outputs: { token: "\${{ steps.one.outputs.token }}" }
    steps:
      - id: one
        run: echo one; echo "token=$RANDOM-$RANDOM" >> "$GITHUB_OUTPUT"
      - name: Wait
        run: until [ -e ${gate} ]; do sleep 0.05; done
      - run: for i in $(seq 200); do echo "::notice::note $i"; done; echo three
`;

test("kill -9 of the agent in the middle of a workflow: the run goes on, with one result, and log and tree are whole", async () => {
  const agent = await person.startAgent(["--slots", "2"]);
  const gate = person.home.join("gate");
  const { jobId } = await jobs.submit(await workflowJob(jobs, workflowThatWaits(gate)));
  await waitFor("its second step", () => inProgress(jobId));
  await agent.stop("SIGKILL");
  // It writes while no agent listens.
  await Bun.write(gate, "");
  await waitFor("the end of the engine", () => processesOfJob(jobId).length === 0);
  await person.startAgent(["--slots", "2"]);
  await jobs.compute.jobs.wait(jobId);
  const job = await jobs.compute.jobs.retrieve(jobId);
  expect(job).toMatchObject({ status: "SUCCESS", attempt: 1 });
  expect(endings(job.workflowRun)[0]).toStartWith("build: success | Run echo one");
  expect(job.workflowRun?.jobs[0]?.outputs?.token).toMatch(/^\d+-\d+$/);
  expect(job.workflowRun).toMatchObject({ status: "completed", conclusion: "success" });
  const messages = job.workflowRun?.jobs[0]?.annotations.map(({ message }) => message);
  expect(messages).toEqual([...new Set(messages)]);
  const log = await person.get(["job", "logs", jobId]);
  expect([...log.matchAll(/^(one|three)$/gm)].map(([text]) => text)).toEqual(["one", "three"]);
});

test("kill -9 of the process that holds the jobs ends a workflow with everything it has started; a retry runs", async () => {
  await person.startAgent(["--slots", "2"]);
  const gate = person.home.join("gate-2");
  const { jobId } = await jobs.submit(await workflowJob(jobs, workflowThatWaits(gate)));
  await waitFor("its second step", () => inProgress(jobId));
  killSupervisors(person.home.path);
  await jobs.compute.jobs.wait(jobId);
  expect(await person.job(jobId)).toMatchObject({ status: "FAILED", reason: "AgentRestarted" });
  expect(processesNaming(gate)).toEqual([]);
  await Bun.write(gate, "");
  await person.get(["job", "retry", jobId]);
  await jobs.compute.jobs.wait(jobId);
  expect((await person.job(jobId)).status).toBe("SUCCESS");
});

test("a server that is away while a workflow runs gets its whole log and tree when it is back", async () => {
  await person.startAgent(["--slots", "2"]);
  const gate = person.home.join("gate-3");
  const { jobId } = await jobs.submit(await workflowJob(jobs, workflowThatWaits(gate)));
  await waitFor("its second step", () => inProgress(jobId));
  await person.server.kill();
  await Bun.write(gate, "");
  await waitFor("the end of the engine", () => processesOfJob(jobId).length === 0);
  await person.server.startAgain();
  await jobs.compute.jobs.wait(jobId);
  const job = await jobs.compute.jobs.retrieve(jobId);
  expect(job).toMatchObject({ status: "SUCCESS", attempt: 1, workflowRun: { conclusion: "success" } });
});
