import { expect, test } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "8"] }));
const jobs = await FilesOfJobs.of(person);
const sh = (script: string) => ["sh", "-c", script];

test("a job has its files, changes them as it likes, and its outputs come back as they were", async () => {
  const from = await jobs.input({ "a.txt": "one\n", "src/b.txt": "two\n" });
  const script =
    "mkdir -p out/deep; cp a.txt out/; cat src/b.txt a.txt > out/deep/both; echo x > a.txt; echo y > other";
  const execution = await jobs.run({ command: sh(script), inputs: [{ from }], outputs: ["out/**"] });
  expect(execution).toMatchObject({ status: "SUCCEEDED", exitCode: 0 });
  expect(await jobs.outputs(execution)).toEqual({ "out/a.txt": "one\n", "out/deep/both": "two\none\n" });
  // The next job gets the files as they were sent.
  const again = await jobs.run({ command: sh("cp a.txt r"), inputs: [{ from }], outputs: ["r"] });
  expect(await jobs.outputs(again)).toEqual({ r: "one\n" });
});

test("outputs and results are collected after a failure, a timeout, a cancel and too much memory", async () => {
  const write = 'echo kept > out.txt; echo "k=$TANVRIT_ATTEMPT" >> "$TANVRIT_RESULTS"';
  const outputs = ["*.txt"];
  const [failed, late, fat] = await Promise.all([
    jobs.run({ command: sh(`${write}; exit 3`), outputs }),
    jobs.run({ command: sh(`${write}; sleep 60`), outputs, timeoutSeconds: 1, graceSeconds: 1 }),
    jobs.run({
      command: sh(`${write}; x=$(head -c 400m /dev/zero | tr '\\0' x); sleep 60`),
      outputs,
      resources: { memoryMb: 40 },
    }),
  ]);
  expect(failed).toMatchObject({ status: "FAILED", exitCode: 3, results: { k: "1" } });
  expect(late).toMatchObject({ status: "FAILED", reason: "Timeout", results: { k: "1" } });
  expect(fat).toMatchObject({ status: "FAILED", reason: "ResourceExceeded", results: { k: "1" } });
  const { jobId } = await jobs.submit({ command: sh(`${write}; echo ready; sleep 60`), outputs });
  await waitFor("its output", async () => (await person.get(["job", "logs", jobId])) === "ready");
  await person.get(["job", "cancel", jobId]);
  await jobs.compute.jobs.wait(jobId);
  const cancelled = await jobs.execution(jobId);
  expect(cancelled).toMatchObject({ status: "CANCELLED", results: { k: "1" } });
  for (const execution of [failed, late, fat, cancelled]) {
    expect(await jobs.outputs(execution)).toEqual({ "out.txt": "kept\n" });
  }
});

test("each attempt has its own outputs", async () => {
  const script = 'echo $TANVRIT_ATTEMPT > n; test "$TANVRIT_ATTEMPT" = 2';
  const second = await jobs.run({ command: sh(script), outputs: ["n"], maxRetries: 1 });
  expect([second.attempt, await jobs.outputs(second)]).toEqual([2, { n: "2\n" }]);
});

test("what cannot be collected is named, and the rest arrives", async () => {
  const script =
    "echo 1 > ok; ln -s /etc/passwd out-link; mkfifo pipe; echo nonsense > $TANVRIT_RESULTS; echo a=1 >> $TANVRIT_RESULTS";
  const execution = await jobs.run({ command: sh(script), outputs: ["**", "missing/*.xml"] });
  expect(await jobs.outputs(execution)).toEqual({ ok: "1\n" });
  expect(execution.results).toEqual({ a: "1" });
  const problems = Object.fromEntries((execution.outputProblems ?? []).map((one) => [one.path, one.message]));
  expect(problems).toMatchObject({
    "out-link": expect.stringContaining("leads out"),
    pipe: expect.stringContaining("named pipe"),
    "missing/*.xml": expect.stringContaining("no such file"),
    $TANVRIT_RESULTS: expect.stringContaining("line 1 is neither"),
  });
});

test("a job that starts in a directory of its own has its outputs there; an absolute workdir works too", async () => {
  const from = await jobs.input({ "pkg/x": "1" });
  const inside = await jobs.run({
    command: sh("pwd; cp x y"),
    workdir: "pkg",
    inputs: [{ from }],
    outputs: ["y"],
  });
  expect(await jobs.outputs(inside)).toEqual({ y: "1" });
  await Bun.write(person.home.join("shop/z"), "2");
  const outside = await jobs.run({
    command: sh("cp z w"),
    workdir: person.home.join("shop"),
    outputs: ["w"],
  });
  expect(await jobs.outputs(outside)).toEqual({ w: "2" });
});

test("the outputs and results of one job are the inputs and variables of the next", async () => {
  const first = await jobs.submit({
    command: sh('mkdir -p dist/x; echo built > dist/x/app; echo VERSION=1.2 > "$TANVRIT_RESULTS"'),
    outputs: ["dist/**"],
  });
  const next = await jobs.run({
    command: sh('cp app/x/app got; echo "$VERSION" >> got'),
    inputs: [{ from: `job:${first.jobId}/dist/**`, to: "app" }],
    envFrom: [first.jobId],
    outputs: ["got"],
  });
  expect(await jobs.outputs(next)).toEqual({ got: "built\n1.2\n" });
});

test("secrets reach the job and stay out of its log, results and outputs' names, and out of the node's files", async () => {
  const value = `token-${randomBytes(12).toString("hex")}`;
  await jobs.compute.client.call("secrets.set", {
    name: "deploy",
    valueBase64: Buffer.from(value).toString("base64"),
  });
  const script =
    'echo "v=$TOKEN" | tee "$TANVRIT_RESULTS"; cat .netrc; stat -c %a .netrc; printf %s "$TOKEN" | sha256sum | cut -c1-64 > sum';
  const { jobId } = await jobs.submit({
    command: sh(script),
    secretEnv: { TOKEN: "deploy" },
    secretFiles: { ".netrc": "deploy" },
    outputs: ["**"],
  });
  await jobs.compute.jobs.wait(jobId);
  const execution = await jobs.execution(jobId);
  expect(await person.get(["job", "logs", jobId])).toBe("v=***\n***600");
  expect(execution.results).toEqual({ v: "***" });
  expect(await jobs.outputs(execution)).toEqual({
    sum: `${createHash("sha256").update(value).digest("hex")}\n`,
  });
  const found = Bun.spawnSync([
    "grep",
    "-rl",
    value,
    person.home.path,
    person.server.scratch.path,
  ]).stdout.toString();
  expect(found).toBe("");
});
