import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";
import { waitFor, within } from "../support/wait.ts";

const server = forAllTests(await TestServer.start());
const SAYS = /session has ended: .*auth login/g;

test("after auth logout a job ends and is reported, no other starts, and the next sign-in brings the same agent back", async () => {
  await using person = await Person.signIn(server);
  const agent = await person.startAgent();
  const [, nodeId = ""] = await agent.said(/\((node_\w+)\)/);
  await using again = await Person.signIn(server);
  const running = await person.submit(["--", "sh", "-c", "echo begun; sleep 12; echo finished"]);
  await waitFor("the job to run", async () => (await person.job(running)).status === "RUNNING");
  expect((await person.run(["auth", "logout"])).exitCode).toBe(0);
  const late = await again.submit(["--", "true"]);
  await agent.said(SAYS);
  expect((await again.run(["job", "wait", running])).exitCode).toBe(0);
  expect(await again.get(["job", "logs", running])).toBe("begun\nfinished");
  expect(await again.job(late)).toMatchObject({ status: "QUEUED", attempt: 0 });
  expect(await again.get(["job", "why", late])).toContain("nobody is signed in on its machine");
  const status = await person.get(["agent", "status", "--workspace", "local"]);
  expect(status).toContain("nobody is signed in");
  expect(agent.stderr.match(SAYS)).toHaveLength(1);
  const login = ["auth", "login", "--workspace", "local", "--url", server.url];
  expect((await person.run(login)).exitCode).toBe(0);
  expect((await again.run(["job", "wait", late])).exitCode).toBe(0);
  expect((await again.job(late)).nodeId).toBe(nodeId);
  expect(agent.process.exitCode).toBeNull();
  expect(agent.stderr).not.toContain("unexpected failure");
});

test("an agent that is started again while nobody is signed in takes over its job, reports it, and waits for a sign-in", async () => {
  await using person = await Person.signIn(server, "attic");
  const first = await person.startAgent();
  await using again = await Person.signIn(server, "attic");
  const flag = person.home.join("flag");
  const running = await person.submit(["--", "sh", "-c", `until [ -e ${flag} ]; do sleep 0.1; done`]);
  await waitFor("the job to run", async () => (await person.job(running)).status === "RUNNING");
  await person.get(["auth", "logout"]);
  await first.said(SAYS);
  await first.stop("SIGKILL");
  const second = await person.startAgent();
  await second.said(SAYS);
  await Bun.write(flag, "");
  expect((await again.run(["job", "wait", running])).exitCode).toBe(0);
  expect(await second.stop()).toBe(0);
});

test("an agent for a number of jobs does not wait for a person: it exits 77 with advice", async () => {
  await using person = await Person.signIn(server, "cellar");
  const agent = await person.startAgent(["--max-jobs", "5"]);
  await person.get(["auth", "logout"]);
  expect(await within(20_000, "the agent to exit", agent.process.exited)).toBe(77);
  expect(agent.stderr).toContain("tanvrit-compute auth login");
});
