import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

/** Long enough to be noticed, and short enough that the node is not OFFLINE. */
const HELD_MS = 16_000;

const person = forAllTests(await Person.withServer());

test("an agent that stood still, as when its machine sleeps, says so and continues in the same session, and its job succeeds", async () => {
  const agent = await person.startAgent(["--slots", "2"]);
  const gate = person.home.join("gate");
  const id = await person.submit(["--", "sh", "-c", `until [ -e ${gate} ]; do sleep 0.1; done; echo done`]);
  await waitFor(`job ${id} to run`, async () => (await person.job(id)).status === "RUNNING");
  agent.process.kill("SIGSTOP");
  await Bun.sleep(HELD_MS);
  agent.process.kill("SIGCONT");
  await agent.said(/stalled for at least \d+ s: .* asking it which of the 1 here it still wants/);
  await Bun.write(gate, "");
  await person.get(["job", "wait", id]);
  expect(await person.job(id)).toMatchObject({ status: "SUCCESS", attempt: 1 });
  expect(agent.stderr.match(/Registered as/g)).toHaveLength(1);
});
