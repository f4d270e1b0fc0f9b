import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";

const person = forAllTests(await Person.withServer());

const counts = async (args: string[]) => JSON.parse(await person.get([...args, "--json"]));
const count = async (args: string[]) => (await counts(["job", "list", "--all", ...args])).length as number;

test("a file of jobs is submitted line by line in order, and its jobs are cancelled and queued again by a filter", async () => {
  const lines = Array.from({ length: 2_500 }, (_, i) =>
    JSON.stringify({ name: `batch-${i}`, command: ["true"], labels: { never: "there" } }),
  );
  await Bun.write(person.home.join("jobs.jsonl"), `${lines.join("\n\n")}\n`);
  const submit = ["job", "submit", "--batch", "jobs.jsonl", "--idempotency-key", "once"];
  const run = await person.run(submit);
  expect(run.exitCode).toBe(0);
  const ids = run.stdout.trimEnd().split("\n");
  expect(ids).toHaveLength(2_500);
  expect(run.stderr).toContain("2000 of 2500 submitted");
  expect((await person.job(ids[2_049] ?? "")).name).toBe("batch-2049");
  expect(await person.get(submit)).toBe(ids.join("\n"));

  expect(await count(["--name", "batch-24??"])).toBe(100);
  expect(await count(["--label", "never=there", "--since", "1h"])).toBe(2_500);
  expect(await counts(["job", "cancel", "--name", "batch-*"])).toEqual({ matched: 2_500, changed: 2_500 });
  expect(await counts(["job", "cancel", "--all"])).toEqual({ matched: 0, changed: 0 });
  expect(await count(["--status", "cancelled"])).toBe(2_500);
  const retried = await person.run(["job", "retry", "--status", "cancelled", "--name", "batch-1"]);
  expect(retried).toMatchObject({
    exitCode: 0,
    stdout: "",
    stderr: expect.stringContaining("1 job queued again"),
  });
  expect(await count(["--status", "queued"])).toBe(1);
});

test("a batch with an invalid line is refused with file, line and field, and nothing is sent", async () => {
  const good = { command: "true", name: "from-bad-batch" };
  const lines = [good, { ...good, resources: { cpu: "many" } }, { ...good, comand: "x" }].map((one) =>
    JSON.stringify(one),
  );
  const batch = ["job", "submit", "--batch", "-"];
  const run = await person.run(batch, { stdin: [...lines, "{"].join("\n") });
  expect(run).toMatchObject({ exitCode: 65, stdout: "" });
  expect(run.stderr).toMatch(/<stdin>:2:\d+: resources\.cpu: /);
  expect(run.stderr).toMatch(/<stdin>:3:\d+: comand: /);
  expect(run.stderr).toContain("<stdin>:4:1: the line is not a JSON object");
  expect((await person.run(batch, { stdin: "\n" })).exitCode).toBe(65);
  expect((await person.run(["job", "submit", "--batch", "nowhere.jsonl"])).exitCode).toBe(66);
  expect(await count(["--name", "from-bad-batch"])).toBe(0);
  const piped = await person.get(batch, { stdin: lines[0] ?? "" });
  expect(piped).toMatch(/^job_\w{26}$/);
});

test("a command that would change all jobs, or that selects jobs in two ways, is a usage error", async () => {
  const id = `job_${"0".repeat(26)}`;
  const wrong = [
    ["job", "cancel"],
    ["job", "retry"],
    ["job", "cancel", id, "--all"],
    ["job", "retry", id, "--name", "x"],
    ["job", "cancel", "--since", "yesterday"],
    ["job", "list", "--all", "--limit", "5"],
    ["job", "submit", "--batch", "x.jsonl", "--", "true"],
    ["job", "submit", "--batch", "x.jsonl", "--cpu", "2"],
    ["job", "submit", "--batch", "x.jsonl", "--dry-run"],
  ];
  for (const args of wrong) {
    expect({ args, ...(await person.run(args)) }).toMatchObject({ args, exitCode: 64, stdout: "" });
  }
});

test("job validate and job schema need no server", async () => {
  const env = { TANVRIT_URL: "http://127.0.0.1:1" };
  await Bun.write(person.home.join("good.yaml"), "command: [echo, hi]\nlabels: {os: linux}\n");
  await Bun.write(person.home.join("bad.yaml"), "command: [echo, hi]\nselector: 'os in linux'\n");
  const good = await person.run(["job", "validate", "good.yaml"], { env });
  expect(good).toEqual({ exitCode: 0, stdout: "", stderr: "good.yaml: ok\n" });
  const bad = await person.run(["job", "validate", "good.yaml", "bad.yaml"], { env });
  expect(bad).toMatchObject({
    exitCode: 65,
    stdout: "",
    stderr: expect.stringMatching(/bad\.yaml:2:1: selector: /),
  });
  const asJson = await person.get(["job", "validate", "good.yaml", "--json"], { env });
  expect(JSON.parse(asJson)).toMatchObject({ labels: { os: "linux" }, maxRetries: 0, pool: "default" });
  const schema = JSON.parse(await person.get(["job", "schema"], { env }));
  expect(schema).toMatchObject({ type: "object", properties: { command: {}, image: {}, workflow: {} } });
  expect(schema.allOf.at(-1).then.required).toEqual(["command"]);
});

test("job submit --dry-run submits nothing, and its exit code says whether any node could ever run the job", async () => {
  const run = (args: string[]) => person.run(["job", "submit", "--dry-run", ...args, "--", "true"]);
  expect(await run([])).toMatchObject({
    exitCode: 1,
    stdout: "",
    stderr: expect.stringContaining("agent run"),
  });
  const before = await count([]);
  await person.startAgent(["--name", "box", "--label", "disk=hdd"]);
  expect(await run([])).toMatchObject({ exitCode: 0, stdout: "", stderr: expect.stringContaining("box") });
  const never = await run(["--label", "disk=ssd", "--json"]);
  expect(never.exitCode).toBe(1);
  expect(JSON.parse(never.stdout)).toMatchObject({ schedulable: false, nodes: [{ rule: "label" }] });
  expect(await count([])).toBe(before);

  const id = await person.submit(["--label", "disk=ssd", "--", "true"]);
  const why = (await person.get(["job", "why", id])).split("\n");
  expect(why[0]).toContain("the only registered node could never run it");
  expect(why.join("\n")).toMatch(/box +never +label +its label is disk=hdd, not disk=ssd/);
  expect(why.at(-1)).toContain("disk=ssd");
});
