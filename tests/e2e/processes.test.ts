import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { processesOfJob } from "../support/processes.ts";
import { quickest, waitFor } from "../support/wait.ts";

const MAX_HELD_MS = 1_000;

const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));

test("a background child that keeps standard output open does not hold up the job", async () => {
  const tookMs = await quickest(MAX_HELD_MS, async () => {
    const id = await person.submit(["--", "sh", "-c", "sleep 600 & echo done"]);
    await person.get(["job", "wait", id]);
    const { startedAt = "", finishedAt = "", status } = await person.job(id);
    expect(status).toBe("SUCCESS");
    expect(await person.get(["job", "logs", id])).toBe("done");
    expect(processesOfJob(id)).toEqual([]);
    return Date.parse(finishedAt) - Date.parse(startedAt);
  });
  expect(tookMs).toBeLessThan(MAX_HELD_MS);
});

test("a job that ignores TERM is killed after its grace, and is CANCELLED only when nothing is left", async () => {
  const manifest = { command: 'trap "" TERM; echo ready; sleep 600; sleep 600', graceSeconds: 0.5 };
  const id = await submitManifest(manifest);
  await untilLogged(id, "ready");
  await person.get(["job", "cancel", id]);
  const status = await waitFor("the job to be CANCELLED", async () => {
    const job = await person.job(id);
    return job.status === "CANCELLED" && { left: processesOfJob(id) };
  });
  expect(status.left).toEqual([]);
});

test("a child in its own session ends with the job", async () => {
  const id = await submitManifest({
    command: "setsid sh -c 'trap \"\" TERM; echo away; sleep 600; sleep 600' & sleep 600",
    graceSeconds: 0.5,
  });
  await untilLogged(id, "away");
  await person.get(["job", "cancel", id]);
  await person.run(["job", "wait", id]);
  expect(processesOfJob(id)).toEqual([]);
});

test("a job's own clean-up on TERM gets the grace, and its last line is kept", async () => {
  const id = await submitManifest({
    command: "trap 'echo bye; exit 1' TERM; echo ready; sleep 600 & wait",
  });
  await untilLogged(id, "ready");
  await person.get(["job", "cancel", id]);
  expect((await person.run(["job", "wait", id])).exitCode).toBe(130);
  expect(await person.get(["job", "logs", id])).toBe("ready\nbye");
});

test("SIGTERM lets an agent finish its running jobs; a second SIGTERM cancels them", async () => {
  await using drained = await Person.signIn(person.server, "drained");
  const agent = await drained.startAgent(["--slots", "1"]);
  const finishing = await drained.submit(["--", "sh", "-c", "echo up; sleep 1; echo end"]);
  await untilRunning(drained, finishing);
  expect(await agent.stop()).toBe(0);
  expect((await drained.job(finishing)).status).toBe("SUCCESS");
  const second = await drained.startAgent(["--slots", "1"]);
  const endless = await drained.submit(["--", "sleep", "600"]);
  await untilRunning(drained, endless);
  second.process.kill("SIGTERM");
  // Two simultaneous signals would count as one.
  await second.said(/no new jobs/);
  await second.stop("SIGTERM");
  expect((await drained.job(endless)).status).toBe("CANCELLED");
  expect(processesOfJob(endless)).toEqual([]);
});

function submitManifest(manifest: object): Promise<string> {
  return person.submit(["--file", "-"], { stdin: JSON.stringify(manifest) });
}

function untilRunning(who: Person, jobId: string): Promise<true> {
  return waitFor(`job ${jobId} to run`, async () => (await who.job(jobId)).status === "RUNNING");
}

function untilLogged(jobId: string, text: string): Promise<true> {
  return waitFor(`job ${jobId} to print ${text}`, async () => {
    return (await person.get(["job", "logs", jobId])).includes(text);
  });
}
