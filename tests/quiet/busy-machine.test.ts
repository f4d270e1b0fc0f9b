import { expect, test } from "bun:test";
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

const person = forAllTests(await Person.withServer());

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

async function theNode(token: string): Promise<Node | undefined> {
  const { nodes } = await person.server.api.call("nodes.list", {}, { token });
  return nodes[0];
}
