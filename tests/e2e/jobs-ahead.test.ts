import { afterEach, expect, test } from "bun:test";
import type { Compute } from "../../sdk/index.ts";
import type { Execution } from "../../shared/execution.ts";
import type { JobStatus } from "../../shared/job-state.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer());
const other = forAllTests(await Person.signIn(person.server));
const compute = await person.client();
const ran = person.home.join("ran");

afterEach(async () => {
  await person.stopAgents();
  await other.stopAgents();
});

/** Each appends its own id to a file, so that every start of it is seen. */
const shorts = (count: number, name: string): JobManifestInput[] =>
  Array.from({ length: count }, () => ({ name, command: `echo $TANVRIT_JOB_ID >> ${ran}` }));
const gated = (gate: string): JobManifestInput => ({ command: `until [ -e ${gate} ]; do sleep 0.05; done` });

async function submit(...manifests: JobManifestInput[]): Promise<string[]> {
  return (await compute.jobs.submitBatch(manifests)).map(({ jobId }) => jobId);
}

async function count(name: string, status: JobStatus): Promise<number> {
  return (await compute.jobs.count({ name, status: [status] })).count;
}

/** Waits until the short jobs of that name have ended, and checks that each was started once. */
async function untilAllRan(name: string, ids: readonly string[]): Promise<void> {
  const areOver = async () => (await count(name, "SUCCESS")) === ids.length;
  await waitFor("all short jobs to end", areOver, { timeoutMs: 60_000 });
  const lines = (await Bun.file(ran).text()).trim().split("\n");
  expect(lines.filter((id) => ids.includes(id)).sort()).toEqual([...ids].sort());
}

const statusOf = async (id: string) => (await compute.jobs.retrieve(id)).status;
const executionsOf = (api: Compute, jobId: string): Promise<Execution[]> =>
  Array.fromAsync(api.executions.list({ jobId }));

test("while jobs end quickly, their node has more than its slots; none waits behind a long one while another node is free", async () => {
  await person.startAgent(["--slots", "1"]);
  await other.startAgent(["--slots", "1"]);
  const gate = person.home.join("gate-1");
  const ids = await submit(...shorts(100, "first"), gated(gate), ...shorts(100, "first"));
  const [long = ""] = ids.splice(100, 1);
  await untilAllRan("first", ids);
  expect(await statusOf(long)).toBe("RUNNING");
  const executions = (await Promise.all(ids.map((id) => executionsOf(compute, id)))).flat();
  const waitsMs = executions.map(
    ({ assignedAt, startedAt, finishedAt = "" }) =>
      Date.parse(startedAt ?? finishedAt) - Date.parse(assignedAt),
  );
  expect(Math.max(...waitsMs)).toBeLessThan(2_000);
  const byNode = Map.groupBy(executions, ({ nodeId }) => nodeId);
  const most = (clocksMs: number) => Math.max(...byNode.values().map((one) => mostAtOnce(one, clocksMs)));
  expect(most(0)).toBeGreaterThanOrEqual(2);
  expect(most(CLOCKS_MS)).toBeLessThan(4);
  await Bun.write(gate, "");
  await waitFor("the long job to end", async () => (await statusOf(long)) === "SUCCESS");
});

test("jobs that wait for a slot go back to the queue when the node drains, and run when it takes jobs again", async () => {
  await person.startAgent(["--slots", "1"]);
  const gate = person.home.join("gate-2");
  const ids = await submit(...shorts(60, "second"), gated(gate), ...shorts(20, "third"));
  const [long = ""] = ids.splice(60, 1);
  await waitFor("the long job to run", async () => (await statusOf(long)) === "RUNNING");
  await person.get(["agent", "drain"]);
  await waitFor("the rest to be queued", async () => (await count("third", "QUEUED")) === 20);
  const waited = (await Promise.all(ids.slice(60).map((id) => executionsOf(compute, id)))).flat();
  for (const { status, startedAt } of waited) expect([status, startedAt]).toEqual(["CANCELLED", undefined]);
  await Bun.write(gate, "");
  await person.get(["agent", "resume"]);
  await untilAllRan("third", ids.slice(60));
  for (const id of ids) expect((await compute.jobs.retrieve(id)).attempt).toBe(1);
});

test("kill -9 of an agent loses none of the jobs that wait for a slot, and starts none of them twice", async () => {
  const agent = await person.startAgent(["--slots", "2"]);
  const ids = await submit(...shorts(300, "fourth"));
  await waitFor("some to have run", async () => (await count("fourth", "SUCCESS")) >= 40);
  await agent.stop("SIGKILL");
  await person.startAgent(["--slots", "2"]);
  await untilAllRan("fourth", ids);
});

/** How well the agent, which says when a job ended, knows the time of the server, which says when it was assigned. */
const CLOCKS_MS = 20;

/** The most executions that a node had at the same time, if each ended so much earlier than it is said to have. */
function mostAtOnce(executions: readonly Execution[], clocksMs: number): number {
  const changes = executions.flatMap(({ assignedAt, finishedAt = "" }) => {
    const fromMs = Date.parse(assignedAt);
    const untilMs = Math.max(fromMs, Date.parse(finishedAt) - clocksMs);
    return [
      { atMs: fromMs, by: 1 },
      { atMs: untilMs, by: -1 },
    ];
  });
  changes.sort((a, b) => a.atMs - b.atMs || a.by - b.by);
  let [now, most] = [0, 0];
  for (const { by } of changes) {
    now += by;
    most = Math.max(most, now);
  }
  return most;
}
