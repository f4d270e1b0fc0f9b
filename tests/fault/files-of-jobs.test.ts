import { expect, test } from "bun:test";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { Gatehouse } from "../support/gatehouse.ts";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";
import { killSupervisors, nextSupervisor } from "../support/supervisors.ts";
import { waitFor } from "../support/wait.ts";

const sh = (script: string) => ["sh", "-c", script];
const READ = "/artifacts/blobs/read";
const SEND = "/artifacts/blobs";

/** A server behind a gatehouse, a person who knows it by that, and their agent. */
async function world(agentFile?: object) {
  const stack = new AsyncDisposableStack();
  const gatehouse = stack.use(new Gatehouse());
  const server = stack.use(await TestServer.start({ TANVRIT_PUBLIC_URL: gatehouse.url }));
  gatehouse.target = server.url;
  const person = stack.use(
    await Person.signIn(Object.assign(Object.create(server), { api: { url: gatehouse.url } })),
  );
  if (agentFile) await Bun.write(person.home.join("agent.yaml"), JSON.stringify(agentFile));
  const agent = await person.startAgent(["--slots", "100"]);
  const jobs = await FilesOfJobs.of(person, server.url);
  return { gatehouse, server, person, agent, jobs, [Symbol.asyncDispose]: () => stack.disposeAsync() };
}

const manyFiles = Object.fromEntries(
  Array.from({ length: 60 }, (_, i) => [`d${i % 9}/f${i}`, `content ${i}\n`]),
);
const sum = "cat d*/* | sha256sum | cut -c1-8 > sum";

test("100 jobs over one input on one node fetch it once, also when they start at the same time", async () => {
  await using at = await world();
  const from = await at.jobs.input(manyFiles);
  const manifest = { command: sh(sum), inputs: [{ from }], outputs: ["sum"] };
  const all = await Promise.all(Array.from({ length: 100 }, () => at.jobs.submit(manifest)));
  for (const { jobId } of all) await at.jobs.compute.jobs.wait(jobId);
  expect(Math.max(...at.gatehouse.digests.values())).toBe(1);
  expect(at.gatehouse.digests.size).toBe(61);
  const first = all[0];
  expect(await at.jobs.execution(first?.jobId ?? "")).toMatchObject({ status: "SUCCEEDED" });
  expect(await at.person.get(["agent", "status"])).toMatch(/cache:\s+[\d.]+ KiB of at most/);
});

test("kill -9 of the agent while it fetches: the next agent goes on with what is there", async () => {
  await using at = await world();
  const from = await at.jobs.input(manyFiles);
  at.gatehouse.hold(READ);
  const { jobId } = await at.jobs.submit({ command: sh(sum), inputs: [{ from }], outputs: ["sum"] });
  await at.gatehouse.untilHeld();
  const status = await at.person.get(["agent", "status"]);
  expect(status).toContain("asking the server for its inputs");
  await at.agent.stop("SIGKILL");
  at.gatehouse.open();
  await at.person.startAgent();
  await at.jobs.compute.jobs.wait(jobId);
  expect(await at.jobs.execution(jobId)).toMatchObject({ status: "SUCCEEDED", attempt: 1 });
});

test("kill -9 of the supervisor while the agent fetches: the next one goes on with what is there", async () => {
  await using at = await world();
  const from = await at.jobs.input(manyFiles);
  at.gatehouse.hold(READ);
  const { jobId } = await at.jobs.submit({ command: sh(sum), inputs: [{ from }], outputs: ["sum"] });
  await at.gatehouse.untilHeld();
  const killed = killSupervisors(at.person.home.path);
  await waitFor("the next supervisor", async () => {
    const { status } = JSON.parse(await at.person.get(["agent", "status", "--json"]));
    return status.supervisors.some(({ pid }: { pid: number }) => !killed.includes(pid));
  });
  at.gatehouse.open();
  await at.jobs.compute.jobs.wait(jobId);
  expect(await at.jobs.execution(jobId)).toMatchObject({ status: "SUCCEEDED", attempt: 1 });
  expect(Math.max(...at.gatehouse.digests.values())).toBe(1);
});

test("kill -9 of the agent while it sends outputs: the next agent sends them", async () => {
  await using at = await world();
  at.gatehouse.hold(SEND);
  const { jobId } = await at.jobs.submit({ command: sh("seq 1000 > out"), outputs: ["out"] });
  await at.gatehouse.untilHeld();
  await at.agent.stop("SIGKILL");
  at.gatehouse.open();
  await at.person.startAgent();
  await at.jobs.compute.jobs.wait(jobId);
  const execution = await at.jobs.execution(jobId);
  expect(execution).toMatchObject({ status: "SUCCEEDED", attempt: 1 });
  expect((await at.jobs.outputs(execution)).out).toHaveLength(3893);
});

test("kill -9 of agent and supervisor while outputs are sent: the next ones send them", async () => {
  await using at = await world();
  at.gatehouse.hold(SEND);
  const { jobId } = await at.jobs.submit({ command: sh("seq 1000 > out; exit 4"), outputs: ["out"] });
  await at.gatehouse.untilHeld();
  await at.agent.stop("SIGKILL");
  killSupervisors(at.person.home.path);
  at.gatehouse.open();
  await at.person.startAgent();
  await at.jobs.compute.jobs.wait(jobId);
  const execution = await at.jobs.execution(jobId);
  expect(execution).toMatchObject({ status: "FAILED", exitCode: 4, attempt: 1 });
  expect((await at.jobs.outputs(execution)).out).toHaveLength(3893);
});

test("kill -9 of the supervisor alone while outputs are sent loses nothing", async () => {
  await using at = await world();
  at.gatehouse.hold(SEND);
  const { jobId } = await at.jobs.submit({ command: sh("seq 1000 > out"), outputs: ["out"] });
  await at.gatehouse.untilHeld();
  const killed = killSupervisors(at.person.home.path);
  await nextSupervisor(at.person.home.path, killed);
  at.gatehouse.open();
  await at.jobs.compute.jobs.wait(jobId);
  const execution = await at.jobs.execution(jobId);
  expect(execution).toMatchObject({ status: "SUCCEEDED", attempt: 1 });
  expect((await at.jobs.outputs(execution)).out).toHaveLength(3893);
});

test("kill -9 of the server while inputs are fetched and while outputs are sent: both go on when it is back", async () => {
  await using at = await world();
  const from = await at.jobs.input(manyFiles);
  at.gatehouse.hold(READ);
  const { jobId } = await at.jobs.submit({ command: sh(sum), inputs: [{ from }], outputs: ["sum"] });
  await at.gatehouse.untilHeld();
  await at.server.kill();
  await at.server.startAgain();
  at.gatehouse.hold(SEND);
  await at.gatehouse.untilHeld();
  await at.server.kill();
  await at.server.startAgain();
  at.gatehouse.open();
  await at.jobs.compute.jobs.wait(jobId);
  expect(await at.jobs.execution(jobId)).toMatchObject({ status: "SUCCEEDED", attempt: 1 });
});

test("a job that is cancelled while it fetches ends at once, and takes nothing from the others", async () => {
  await using at = await world();
  const from = await at.jobs.input(manyFiles);
  at.gatehouse.hold(READ);
  const manifest = { command: sh(sum), inputs: [{ from }] };
  const [first, second] = [await at.jobs.submit(manifest), await at.jobs.submit(manifest)];
  await at.gatehouse.untilHeld();
  await at.person.get(["job", "cancel", first.jobId]);
  await at.jobs.compute.jobs.wait(first.jobId);
  at.gatehouse.open();
  await at.jobs.compute.jobs.wait(second.jobId);
  expect((await at.person.job(first.jobId)).status).toBe("CANCELLED");
  expect((await at.person.job(second.jobId)).status).toBe("SUCCESS");
});

test("the cache keeps no more than cache.maxMb besides what running jobs need", async () => {
  await using at = await world({ cache: { maxMb: 1 } });
  const contents = [1, 2, 3].map((seed) => Buffer.alloc(700_000, String(seed)));
  for (const content of contents) {
    const from = await at.jobs.input({ big: content });
    expect(await at.jobs.run({ command: sh("wc -c big"), inputs: [{ from }] })).toMatchObject({
      status: "SUCCEEDED",
    });
  }
  const { status } = JSON.parse(await at.person.get(["agent", "status", "--json"]));
  expect(status.cache.maxBytes).toBe(1024 * 1024);
  expect(status.cache.bytes).toBeLessThanOrEqual(1024 * 1024);
  expect(status.cache.bytes).toBeGreaterThan(700_000);
});
