import { expect, test } from "bun:test";
import { testImage } from "../support/docker.ts";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";

const person = forAllTests(await Person.withServer());
await person.startAgent(["--slots", "4"]);
const jobs = await FilesOfJobs.of(person);
await jobs.compute.client.call("secrets.set", { name: "s", valueBase64: btoa("secret-value") });
const docker = async (script: string, changes: string[] = []) => ({
  type: "DOCKER" as const,
  image: await testImage({ changes }),
  command: script,
  docker: { network: "none" as const },
});

test("a container has its inputs where it starts, and its outputs and results are collected although root wrote them", async () => {
  const from = await jobs.input({ "src/a": "one\n" });
  const script =
    'pwd; mkdir -p out/d; cp src/a out/d/b; chmod 700 out/d; echo "k=$(id -u)" >"$TANVRIT_RESULTS"; exit 5';
  const manifest = { ...(await docker(script, ["WORKDIR /srv"])), inputs: [{ from }], outputs: ["out/**"] };
  const { jobId } = await jobs.submit(manifest);
  await jobs.compute.jobs.wait(jobId);
  const execution = await jobs.execution(jobId);
  expect(execution).toMatchObject({ status: "FAILED", exitCode: 5, results: { k: "0" } });
  expect(await jobs.outputs(execution)).toEqual({ "out/d/b": "one\n" });
  expect(await person.get(["job", "logs", jobId])).toContain("/work");
});

test("a container that is not root may read and change its inputs and read its secrets, by number and by name", async () => {
  const from = await jobs.input({ "src/a": "one\n" });
  for (const user of ["1000", "ada"]) {
    const script = "id -u >src/new; echo two >>src/a; cat .k >k; cp -r src out";
    const manifest = await docker(script);
    const execution = await jobs.run({
      ...{ ...manifest, docker: { ...manifest.docker, user }, inputs: [{ from }] },
      ...{ secretFiles: { ".k": "s" }, outputs: ["out/**", "k"] },
    });
    expect(execution).toMatchObject({ status: "SUCCEEDED" });
    expect(await jobs.outputs(execution)).toEqual({
      ...{ k: "secret-value", "out/a": "one\ntwo\n", "out/new": "1000\n" },
    });
  }
});

test("a container's secrets are in its variables and not in its log; its outputs are collected after a timeout", async () => {
  const script = 'echo "t=$TOKEN"; echo 1 >o; sleep 60';
  const { jobId } = await jobs.submit({
    ...(await docker(script)),
    ...{ secretEnv: { TOKEN: "s" }, outputs: ["o"], timeoutSeconds: 3, graceSeconds: 0 },
  });
  await jobs.compute.jobs.wait(jobId);
  const execution = await jobs.execution(jobId);
  expect(execution).toMatchObject({ reason: "Timeout" });
  expect(await jobs.outputs(execution)).toEqual({ o: "1\n" });
  expect(await person.get(["job", "logs", jobId])).toContain("t=***");
});

test("a container that starts elsewhere has its outputs in the job's directory", async () => {
  const execution = await jobs.run({
    ...(await docker("pwd >/work/p", ["WORKDIR /srv"])),
    outputs: ["p"],
  });
  expect(await jobs.outputs(execution)).toEqual({ p: "/srv\n" });
});
