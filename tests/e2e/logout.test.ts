import { expect, test } from "bun:test";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";
import { waitFor, within } from "../support/wait.ts";

test("after auth logout the agent lets its job finish and report, takes no other, and exits 77 with advice", async () => {
  await using server = await TestServer.start();
  await using person = await Person.signIn(server);
  const agent = await person.startAgent();
  await using again = await Person.signIn(server);
  const running = await person.submit(["--", "sh", "-c", "echo begun; sleep 12; echo finished"]);
  await waitFor("the job to run", async () => (await person.job(running)).status === "RUNNING");
  expect((await person.run(["auth", "logout"])).exitCode).toBe(0);
  const late = await again.submit(["--", "true"]);
  expect((await again.run(["job", "wait", running])).exitCode).toBe(0);
  expect(await again.get(["job", "logs", running])).toBe("begun\nfinished");
  expect(await within(20_000, "the agent to exit", agent.process.exited)).toBe(77);
  expect(agent.stderr).toContain("tanvrit-compute auth login");
  expect(agent.stderr).not.toContain("unexpected failure");
  expect(await again.job(late)).toMatchObject({ status: "QUEUED", attempt: 0 });
});
