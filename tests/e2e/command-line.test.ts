import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "4"] }));

test("job wait exits with the job's own code, and job logs keeps stdout and stderr apart", async () => {
  const id = await person.submit(["--", "sh", "-c", "echo out; echo err >&2; exit 3"]);
  expect((await person.run(["job", "wait", id])).exitCode).toBe(3);
  const log = await person.get(["job", "logs", id, "--json"]);
  const lines = Bun.JSONL.parse(log) as { stream: string; text: string }[];
  const texts = (stream: string) => lines.filter((line) => line.stream === stream).map((line) => line.text);
  expect(texts("stdout")).toEqual(["out"]);
  expect(texts("stderr")).toEqual(["err"]);
  const plain = await person.run(["job", "logs", id]);
  expect(plain.stdout).toBe("out\n");
  expect(plain.stderr).toContain("err\n");
});

test("job run shows the output unchanged and exits with the job's code", async () => {
  const run = await person.run([
    "job",
    "run",
    "--",
    "sh",
    "-c",
    "echo out; printf rest; echo err >&2; exit 5",
  ]);
  expect(run.exitCode).toBe(5);
  expect(run.stdout).toBe("out\nrest");
  expect(run.stderr).toContain("err\n");
});

test("a signal exits with 128 plus its number, a timeout with 124, a cancelled job with 130", async () => {
  const killed = await person.run(["job", "run", "--", "sh", "-c", "kill -9 $$"]);
  expect(killed.exitCode).toBe(137);
  const late = await person.submit(["--timeout", "0.3", "--", "sleep", "600"]);
  expect((await person.run(["job", "wait", late])).exitCode).toBe(124);
  expect(await person.job(late)).toMatchObject({ status: "TIMEOUT", reason: "Timeout" });
  const cancelled = await person.submit(["--", "sleep", "600"]);
  await person.get(["job", "cancel", cancelled]);
  expect((await person.run(["job", "wait", cancelled])).exitCode).toBe(130);
});

test("a command that does not exist fails the job, and the error names it", async () => {
  const id = await person.submit(["--", "no-such-program-here"]);
  expect((await person.run(["job", "wait", id])).exitCode).not.toBe(0);
  const job = await person.job(id);
  expect(job).toMatchObject({ status: "FAILED", reason: "StartFailed" });
  expect(job.message).toContain("no-such-program-here");
});

test("without a server it exits 69, signed out 77, not found 66, wrong usage 64", async () => {
  const submit = ["job", "submit", "--", "true"];
  const away = await person.run(submit, { env: { TANVRIT_URL: "http://127.0.0.1:1", TANVRIT_TOKEN: "x" } });
  expect(away.exitCode).toBe(69);
  expect(away.stdout).toBe("");
  await using stranger = await Person.stranger();
  const signedOut = await stranger.run(submit, { env: { TANVRIT_URL: person.server.url } });
  expect(signedOut.exitCode).toBe(77);
  expect(signedOut.stderr).toContain("auth login");
  expect((await person.run(["job", "get", `job_${"0".repeat(26)}`])).exitCode).toBe(66);
  for (const args of [["job", "submit"], ["job", "submit", "--nmae", "x", "--", "true"], ["jbo"], []]) {
    expect({ args, ...(await person.run(args)) }).toMatchObject({ args, exitCode: 64, stdout: "" });
  }
});

test("an invalid manifest exits 65 and names file, line and field", async () => {
  await Bun.write(person.home.join("job.yaml"), "name: x\ncommand: [true]\nresources:\n  cpu: many\n");
  const { exitCode, stdout, stderr } = await person.run(["job", "submit", "--file", "job.yaml"]);
  expect(exitCode).toBe(65);
  expect(stdout).toBe("");
  expect(stderr).toContain("job.yaml:4");
  expect(stderr).toContain("resources.cpu");
});

test("a manifest in a file defines the job", async () => {
  const manifest =
    "name: from-file\ncommand: echo $EPOCHS $TANVRIT_JOB_NAME\nenv: {EPOCHS: 3}\nmaxRetries: 2\n";
  await Bun.write(person.home.join("good.yaml"), manifest);
  const run = await person.run(["job", "run", "--file", "good.yaml"]);
  expect({ exitCode: run.exitCode, stdout: run.stdout }).toEqual({ exitCode: 0, stdout: "3 from-file\n" });
});

test("a job that no node could run says why", async () => {
  const id = await person.submit(["--label", "gpu=none-has-this", "--", "true"]);
  expect((await person.job(id)).unschedulableReason).toContain("gpu");
  expect(await person.get(["job", "get", id])).toContain("gpu");
  await person.get(["job", "cancel", id]);
});

test("a job that fails is retried as often as it may, and its log holds every attempt", async () => {
  const id = await person.submit([
    "--max-retries",
    "1",
    "--",
    "sh",
    "-c",
    "echo attempt $TANVRIT_ATTEMPT; exit 9",
  ]);
  expect((await person.run(["job", "wait", id])).exitCode).toBe(9);
  expect(await person.job(id)).toMatchObject({ status: "FAILED", attempt: 2, retryCount: 1, exitCode: 9 });
  expect(await person.get(["job", "logs", id])).toBe("attempt 1\nattempt 2");
});

test("a job sees nothing of the agent's environment and sign-in", async () => {
  const run = await person.run(["job", "run", "--env", "MINE=yes", "--", "env"]);
  expect(run.stdout).toContain("MINE=yes\n");
  expect(run.stdout).not.toMatch(/TANVRIT_(HOME|TOKEN|URL|WORKSPACE)=/);
});

test("after a sign-out the next command exits 77", async () => {
  await using other = await Person.signIn(person.server);
  await other.get(["auth", "status"]);
  expect((await other.run(["auth", "logout"])).exitCode).toBe(0);
  expect((await other.run(["job", "list"])).exitCode).toBe(77);
});
