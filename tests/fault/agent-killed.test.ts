import { afterAll, beforeAll, expect, test } from "bun:test";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

const TEST_TIMEOUT_MS = 60_000;

let server: TestServer;
let person: Person;

beforeAll(async () => {
  server = await TestServer.start();
  person = await Person.signIn(server);
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  await person?.[Symbol.asyncDispose]();
  await server?.[Symbol.asyncDispose]();
});

test(
  "kill -9 of an agent ends its executions as AgentRestarted when it is back, and a retry runs",
  async () => {
    const agent = await person.startAgent(["--slots", "2"]);
    const script = 'test "$TANVRIT_ATTEMPT" = 2 || sleep 60; echo attempt $TANVRIT_ATTEMPT';
    const once = await person.submit(["--", "sleep", "60"]);
    const twice = await person.submit(["--max-retries", "1", "--", "sh", "-c", script]);
    for (const id of [once, twice]) {
      await waitFor(`job ${id} to run`, async () => (await person.job(id)).status === "RUNNING");
    }
    await agent.stop("SIGKILL");
    await person.startAgent(["--slots", "2"]);
    await person.run(["job", "wait", once, twice]);
    expect(await person.job(once)).toMatchObject({ status: "FAILED", reason: "AgentRestarted", attempt: 1 });
    expect(await person.job(twice)).toMatchObject({
      status: "SUCCESS",
      attempt: 2,
      retryCount: 0,
      lostCount: 1,
    });
  },
  TEST_TIMEOUT_MS,
);
