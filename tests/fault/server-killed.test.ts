import { expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { processesOfJob } from "../support/processes.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));
const compute = await person.client();

test("kill -9 of the server with jobs queued and running loses nothing and runs nothing twice", async () => {
  const marks = person.home.join("marks");
  const command = `echo start; sleep 1; echo $TANVRIT_JOB_ID >> ${marks}; echo end`;
  const jobs = await Promise.all(Array.from({ length: 12 }, () => compute.jobs.submit({ command })));
  await waitFor("jobs to run", async () => (await compute.jobs.list({ status: ["RUNNING"] }).next()).value);
  await person.server.kill();
  await person.server.startAgain();
  for (const { jobId } of jobs) {
    const job = await compute.jobs.wait(jobId);
    const { executions } = await compute.client.call("executions.list", { jobId });
    expect({ jobId, status: job.status, executions: executions.length }).toEqual({
      jobId,
      status: "SUCCESS",
      executions: 1,
    });
    expect(await person.get(["job", "logs", jobId])).toBe("start\nend");
  }
  const ran = (await readFile(marks, "utf8")).trim().split("\n").sort();
  expect(ran).toEqual(jobs.map((job) => job.jobId).sort());
});

test("every job whose submit was answered exists after kill -9 of the server, however many were in flight", async () => {
  const acknowledged: string[] = [];
  const labels = { never: "there" };
  // Each of these calls ends when the server dies. Everything answered before must be on disk.
  const submitUntilItDies = async () => {
    for (;;) {
      const job = await compute.client.call("jobs.submit", { command: "true", labels });
      acknowledged.push(job.jobId);
    }
  };
  const submitting = Promise.allSettled(Array.from({ length: 32 }, submitUntilItDies));
  await waitFor("200 submits to be answered", () => acknowledged.length >= 200);
  await person.server.kill();
  await submitting;
  await person.server.startAgain();
  const stored = await Array.fromAsync(compute.jobs.list({ labels, limit: 100_000 }));
  const ids = new Set(stored.map((job) => job.jobId));
  expect(acknowledged.filter((jobId) => !ids.has(jobId))).toEqual([]);
});

test("lines and results from the time when the server is away arrive complete and in order", async () => {
  const lines = 2_000;
  const command = `for i in $(seq ${lines}); do echo line $i; done; sleep 0.5; for i in $(seq ${lines}); do echo more $i; done`;
  const { jobId } = await compute.jobs.submit({ command });
  const followed = Array.fromAsync(compute.jobs.follow(jobId));
  await waitFor("the job to run", async () => (await compute.jobs.retrieve(jobId)).status === "RUNNING");
  await person.server.kill();
  await endOfJob(jobId);
  await person.server.startAgain();
  expect((await compute.jobs.wait(jobId)).status).toBe("SUCCESS");
  const expected = ["line", "more"].flatMap((word) =>
    Array.from({ length: lines }, (_, i) => `${word} ${i + 1}`),
  );
  expect((await person.get(["job", "logs", jobId])).split("\n")).toEqual(expected);
  const seen = (await followed).flatMap((event) => (event.event === "log" ? [event.data.text] : []));
  expect(seen).toEqual(expected);
});

test("a job can be cancelled after the server came back", async () => {
  const { jobId } = await compute.jobs.submit({ command: "sleep 600" });
  await waitFor("the job to run", async () => (await compute.jobs.retrieve(jobId)).status === "RUNNING");
  await person.server.kill();
  await person.server.startAgain();
  await compute.jobs.cancel(jobId);
  expect((await compute.jobs.wait(jobId)).status).toBe("CANCELLED");
});

test("SIGTERM stops the server cleanly while clients follow and wait", async () => {
  const { jobId } = await compute.jobs.submit({ command: "sleep 1; echo end" });
  const waiting = compute.jobs.wait(jobId);
  const followed = Array.fromAsync(compute.jobs.follow(jobId));
  expect(await person.server.stop()).toBe(0);
  await person.server.startAgain();
  expect((await waiting).status).toBe("SUCCESS");
  expect((await followed).at(-1)?.event).toBe("end");
});

/** Waits until no process of the job is left. The server cannot be asked about that while it is away. */
async function endOfJob(jobId: string): Promise<void> {
  await waitFor("the job's processes to end", () => processesOfJob(jobId).length === 0);
}
