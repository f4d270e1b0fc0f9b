import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "8"] }));
const sh = (script: string) => ["--", "sh", "-c", script];
const LIST_FILES = "find . -type f | sort";

/** The output of a job, once it is over. */
async function outputOf(jobId: string): Promise<string> {
  await person.run(["job", "wait", jobId]);
  return person.get(["job", "logs", jobId]);
}

test("jobs of a pipeline that are submitted together run one after the other, each with what the one before it left", async () => {
  const gate = person.home.join("gate");
  const wait = `while [ ! -e ${gate} ]; do sleep 0.05; done`;
  const script = `${wait}; mkdir -p dist/lib; echo app > dist/app; echo lib > dist/lib/l; echo VERSION=1.2 > $TANVRIT_RESULTS`;
  const build = await person.submit(["--output", "dist/**", ...sh(script)]);
  const test = await person.submit([
    ...["--input", `job:${build}/dist/**:in`, "--env-from", build, "--output", "report"],
    ...sh("cat in/app in/lib/l > report; echo $VERSION >> report"),
  ]);
  const ship = await person.submit(["--input", `job:${test}`, ...sh("cat report")]);
  expect(await person.job(test)).toMatchObject({ status: "QUEUED", hold: "after" });
  await Bun.write(gate, "");
  expect(await outputOf(ship)).toEndWith("app\nlib\n1.2");
  expect((await person.job(ship)).after).toEqual([{ jobId: test, on: "success" }]);
});

test("outputs keep their paths, or their glob's directory is replaced by the given one", async () => {
  const script = "mkdir -p out/a/b; echo 1 > out/a/one; echo 2 > out/a/b/two; echo 3 > out/three";
  const source = await person.submit(["--output", "out", ...sh(script)]);
  const given: [input: string, files: string[]][] = [
    [`job:${source}`, ["./out/a/b/two", "./out/a/one", "./out/three"]],
    [`job:${source}/out/a/**`, ["./out/a/b/two", "./out/a/one"]],
    [`job:${source}/out/a/**:here`, ["./here/b/two", "./here/one"]],
    [`job:${source}/out/three:four`, ["./four"]],
    [`job:${source}/**/two:x`, ["./x/out/a/b/two"]],
  ];
  for (const [input, files] of given) {
    const taker = await person.submit(["--input", input, ...sh(LIST_FILES)]);
    expect([input, await outputOf(taker)]).toEqual([input, files.join("\n")]);
  }
});

test("a job that collects from an array has the files of each index in its own directory", async () => {
  const array = await person.submit([
    "--array",
    "1-3",
    "--output",
    "part",
    ...sh("echo $TANVRIT_ARRAY_INDEX > part"),
  ]);
  const collector = await person.submit(["--input", `job:${array}:parts`, ...sh("grep -r . parts | sort")]);
  expect(await outputOf(collector)).toBe("parts/1/part:1\nparts/2/part:2\nparts/3/part:3");
});

test("a glob that matches no output fails the job with the field and the glob, before its command starts", async () => {
  const source = await person.submit(["--output", "*.txt", ...sh("echo x > a.txt")]);
  const mark = person.home.join("started");
  const taker = await person.submit(["--input", `job:${source}/no/**`, ...sh(`touch ${mark}`)]);
  await person.run(["job", "wait", taker]);
  expect(await person.job(taker)).toMatchObject({
    status: "FAILED",
    reason: "StartFailed",
    message: "inputs.0.from: no output matches no/**.",
  });
  expect(existsSync(mark)).toBe(false);
});

test("after a failed source, a retry with its dependents takes the files of the new attempt", async () => {
  const mark = person.home.join("second-try");
  const script = `echo made > f; if [ -e ${mark} ]; then echo again >> f; else exit 1; fi`;
  const source = await person.submit(["--output", "f", ...sh(script)]);
  const taker = await person.submit(["--input", `job:${source}/f`, ...sh("cat f")]);
  await waitFor("the taker to be skipped", async () => (await person.job(taker)).status === "CANCELLED");
  await Bun.write(mark, "");
  await person.get(["job", "retry", source, "--with-dependents"]);
  expect(await outputOf(taker)).toBe("made\nagain");
});

test("a schedule and a template give each job their artifact, their secret, and the results of a job", async () => {
  await person.get(["secret", "set", "pipeline-token"], { stdin: "s3cret-of-the-pipeline" });
  await Bun.write(person.home.join("data", "d.txt"), "data");
  const artifact = await person.get(["artifact", "upload", "data", "--ttl", "forever"]);
  const source = await person.submit(sh("printf 'TEXT<<END\\nline 1\\nline 2\\nEND\\n' > $TANVRIT_RESULTS"));
  await person.run(["job", "wait", source]);
  const script = 'cat d.txt; echo; echo "$TEXT"; echo "$TOKEN" | wc -c; echo $TOKEN';
  const job = {
    command: ["sh", "-c", script],
    inputs: [{ from: `artifact:${artifact}` }],
    secretEnv: { TOKEN: "pipeline-token" },
    envFrom: [source],
  };
  const expected = "data\nline 1\nline 2\n23\n***";
  const { client } = await person.client();
  const schedule = await client.call("schedules.create", { cron: "0 0 1 1 *", job });
  const fire = await client.call("schedules.run", { scheduleId: schedule.scheduleId });
  expect(await outputOf(fire.jobId ?? "")).toBe(expected);
  const parameters = [{ name: "files", type: "string" as const, required: true }];
  const withParameter = { ...job, inputs: [{ from: "artifact:{{files}}" }] };
  await client.call("templates.create", { name: "of-pipeline", parameters, job: withParameter });
  const run = await client.call("templates.run", { template: "of-pipeline", params: { files: artifact } });
  expect(await outputOf(run.jobId)).toBe(expected);
});
