import { afterEach, expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { killSupervisors } from "../support/supervisors.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer());
afterEach(() => person.stopAgents());

test("kill -9 of an agent leaves its jobs alone; the next agent takes them over with their log and result", async () => {
  const agent = await person.startAgent(["--slots", "2"]);
  const gate = person.home.join("gate");
  const script = `echo $$; until [ -e ${gate} ]; do sleep 0.05; done; echo end; exit 3`;
  const id = await person.submit(["--", "sh", "-c", script]);
  await waitFor(`job ${id} to run`, async () => (await person.job(id)).status === "RUNNING");
  await agent.stop("SIGKILL");
  await person.startAgent(["--slots", "2"]);
  await Bun.write(gate, "");
  expect((await person.run(["job", "wait", id])).exitCode).toBe(3);
  expect(await person.job(id)).toMatchObject({ status: "FAILED", attempt: 1, exitCode: 3 });
  expect(await person.get(["job", "logs", id])).toMatch(/^\d+\nend$/);
});

test("kill -9 of the process that holds the jobs ends them as AgentRestarted, and a retry runs", async () => {
  await person.startAgent(["--slots", "2"]);
  const script = 'test "$TANVRIT_ATTEMPT" = 2 || sleep 60; echo attempt $TANVRIT_ATTEMPT';
  const once = await person.submit(["--", "sleep", "60"]);
  const twice = await person.submit(["--max-retries", "1", "--", "sh", "-c", script]);
  for (const id of [once, twice]) {
    await waitFor(`job ${id} to run`, async () => (await person.job(id)).status === "RUNNING");
  }
  killSupervisors(person.home.path);
  await person.run(["job", "wait", once, twice]);
  expect(await person.job(once)).toMatchObject({ status: "FAILED", reason: "AgentRestarted", attempt: 1 });
  expect(await person.job(twice)).toMatchObject({
    status: "SUCCESS",
    attempt: 2,
    retryCount: 0,
    lostCount: 1,
  });
});

test("a job that kills its agent is given up after three attempts, and the agent goes on with other jobs", async () => {
  await person.startAgent(["--slots", "2"]);
  const poison = await person.submit([
    "--max-retries",
    "10",
    "--",
    "sh",
    "-c",
    "kill -9 $(ps -o ppid= -p $PPID); sleep 60",
  ]);
  await person.run(["job", "wait", poison], { timeoutMs: 45_000 });
  const over = await person.job(poison);
  expect(over).toMatchObject({ status: "FAILED", reason: "AgentRestarted", attempt: 3 });
  expect((await person.run(["job", "run", "--", "echo", "on"])).stdout).toBe("on\n");
});
