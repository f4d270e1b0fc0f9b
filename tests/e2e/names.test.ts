import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer());

test("a job can be named by its id, a prefix of its id, its name, or @last", async () => {
  const first = await person.submit(["--name", "first", "--", "true"]);
  const second = await person.submit(["--name", "it*", "--", "true"]);
  const idOf = async (text: string) => JSON.parse(await person.get(["job", "get", text, "--json"])).jobId;
  expect(await idOf("first")).toBe(first);
  expect(await idOf("it*")).toBe(second);
  expect(await idOf(second.slice(0, -1))).toBe(second);
  expect(await idOf(second.slice("job_".length, -1))).toBe(second);
  expect(await idOf("@last")).toBe(second);
  const array = await person.submit(["--array", "1-3", "--", "true"]);
  expect(await idOf("@last")).toBe(array);
});

test("a name that matches several jobs, or none, changes nothing and says so", async () => {
  const twins = [
    await person.submit(["--name", "twin", "--", "true"]),
    await person.submit(["--name", "twin", "--", "true"]),
  ];
  const several = await person.run(["job", "cancel", "twin"]);
  expect(several.exitCode).toBe(65);
  for (const id of twins) expect(several.stderr).toContain(id);
  expect((await person.job(twins[0] ?? "")).status).toBe("QUEUED");
  expect((await person.run(["job", "cancel", "job_"])).exitCode).toBe(66);
  expect((await person.run(["job", "get", "nobody"])).exitCode).toBe(66);
  expect((await person.run(["job", "cancel", ""])).exitCode).toBe(64);
});

test("a job for one node by name runs there, and a job for a node that does not exist says so immediately", async () => {
  await person.startAgent(["--name", "box-a"]);
  const ran = await person.run(["job", "run", "--node", "box-a", "--", "echo", "here"]);
  expect(ran).toMatchObject({ exitCode: 0, stdout: "here\n" });
  expect(JSON.parse(await person.get(["node", "get", "box-a", "--json"])).name).toBe("box-a");
  const nowhere = await person.run(["job", "submit", "--node", "box-b", "--", "true"]);
  expect(nowhere.exitCode).toBe(0);
  expect(nowhere.stderr).toContain("is waiting. The only registered node cannot run this job");
  expect(await person.get(["job", "list"])).toContain("no node can run it");
  await person.stopAgents();
});

test("job run says immediately, on stderr, that no node can run the job and which node is nearest", async () => {
  await using follower = new Running(person.home.path, ["job", "run", "-l", "gpu=h100", "--", "true"]);
  await follower.said(/is waiting\. .*gpu=h100/, 10_000);
  await waitFor("the nearest node", () =>
    /The closest node is|it could run the job if|registered/.test(follower.stderr),
  );
});

test("a schedule can be named by its name", async () => {
  const created = ["schedule", "create", "--name", "nightly", "--cron", "0 2 * * *", "--", "true"];
  await person.get(created);
  expect(JSON.parse(await person.get(["schedule", "get", "nightly", "--json"])).name).toBe("nightly");
  await person.get(["schedule", "delete", "nightly"]);
  expect((await person.run(["schedule", "get", "nightly"])).exitCode).toBe(66);
});

test("a typing mistake is answered with a suggestion", async () => {
  const cron = await person.run(["schedule", "create", "0 2 * * *", "--", "true"]);
  expect(cron).toMatchObject({ exitCode: 64 });
  expect(cron.stderr).toContain("Did you mean --cron '0 2 * * *'?");
  for (const [typed, meant] of [
    ["ps", "job list"],
    ["logs", "job logs"],
    ["jobs", "job list"],
  ] as const) {
    expect((await person.run([typed])).stderr).toContain(`Did you mean ${meant}?`);
  }
  expect((await person.run(["version"])).stdout).toMatch(/^tanvrit-compute \d/);
});
