import { afterEach, expect, test } from "bun:test";
import type { Node } from "../../shared/node.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

const JOB_LIMIT_MS = 90_000;
const BUSY_SECONDS = 25;
const BUSY_PROCESSES = 8;
/** A heartbeat comes every 10 s. After 30 s without one the node would be OFFLINE. */
const MAX_SILENCE_MS = 20_000;
const LOOK_EVERY_MS = 1_000;
/** Long enough to be noticed, and short enough that the node is not OFFLINE. */
const HELD_MS = 16_000;

const person = forAllTests(await Person.withServer());
afterEach(() => person.stopAgents());

test("a job that keeps every processor busy does not delay the agent's heartbeats, and ends in SUCCESS", async () => {
  await person.startAgent(["--slots", "2"]);
  const burn = `timeout ${BUSY_SECONDS} sh -c 'while :; do :; done' &`;
  const id = await person.submit(["--", "sh", "-c", `${burn.repeat(BUSY_PROCESSES)} wait; echo done`]);
  const token = await person.get(["auth", "print-token"]);
  let longestMs = 0;
  await waitFor(
    "the job to end",
    async () => {
      await Bun.sleep(LOOK_EVERY_MS);
      const node = await theNode(token);
      expect(node?.status).toBe("ACTIVE");
      longestMs = Math.max(longestMs, Date.now() - Date.parse(node?.lastHeartbeatAt ?? ""));
      const job = await person.server.api.call("jobs.retrieve", { jobId: id }, { token });
      return job.status !== "RUNNING" && job.status !== "ASSIGNED" && job.status !== "QUEUED";
    },
    { timeoutMs: JOB_LIMIT_MS },
  );
  expect(longestMs).toBeLessThan(MAX_SILENCE_MS);
  expect(await person.job(id)).toMatchObject({ status: "SUCCESS", attempt: 1 });
  expect(await person.get(["job", "logs", id])).toBe("done");
});

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

async function theNode(token: string): Promise<Node | undefined> {
  const { nodes } = await person.server.api.call("nodes.list", {}, { token });
  return nodes[0];
}
