import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { leftOf } from "../support/other-account.ts";
import { Person } from "../support/person.ts";

const NOBODY = 65_534;
const ROOT_ONLY = "/var/lib/tanvrit-compute/root-only";

async function world() {
  const person = await Person.withServer();
  await Bun.write(person.home.join("agent.yaml"), "runAs: nobody\n");
  await person.startAgent(["--slots", "4"]);
  return {
    person,
    jobs: await FilesOfJobs.of(person),
    [Symbol.asyncDispose]: () => person[Symbol.asyncDispose](),
  };
}
const sh = (script: string) => ["sh", "-c", script];

test("with runAs the inputs and secrets belong to the account, and its outputs and results are collected", async () => {
  await using at = await world();
  await at.jobs.compute.client.call("secrets.set", { name: "s", valueBase64: btoa("secret-value") });
  const from = await at.jobs.input({ "a/b": "one" });
  const script =
    'stat -c "%u %a" . a a/b .k >stat; echo two >a/b; cp a/b out; cat .k >k; echo x=1 >"$TANVRIT_RESULTS"; chmod 000 a';
  const execution = await at.jobs.run({
    command: sh(script),
    inputs: [{ from }],
    secretFiles: { ".k": "s" },
    outputs: ["stat", "out", "k"],
  });
  expect(execution).toMatchObject({ status: "SUCCEEDED", results: { x: "1" } });
  expect(await at.jobs.outputs(execution)).toEqual({
    k: "secret-value",
    out: "two\n",
    stat: `${NOBODY} 700\n${NOBODY} 755\n${NOBODY} 644\n${NOBODY} 600\n`,
  });
  expect(leftOf(execution.executionId)).toEqual([]);
});

test("a job gets no file of another account as its output, by link, by hard link, or by its own directory", async () => {
  await using at = await world();
  mkdirSync(ROOT_ONLY, { recursive: true });
  writeFileSync(`${ROOT_ONLY}/key`, "root's own");
  const script = `ln -s ${ROOT_ONLY} d; ln -s ${ROOT_ONLY}/key l; ln /etc/shadow h 2>/dev/null; ln -s /etc/shadow "$TANVRIT_RESULTS"; echo 1 >mine; rm -rf w; ln -s ${ROOT_ONLY} w`;
  const execution = await at.jobs.run({ command: sh(script), outputs: ["**"] });
  expect(await at.jobs.outputs(execution)).toEqual({ mine: "1\n" });
  const named = (execution.outputProblems ?? []).map((one) => one.path).toSorted();
  expect(named).toEqual(["$TANVRIT_RESULTS", "d", "l", "w"]);
  const replaced = await at.jobs.run({
    command: sh(`cd ..; rm -rf sub; ln -s ${ROOT_ONLY} sub`),
    inputs: [{ from: await at.jobs.input({ "sub/x": "1" }) }],
    workdir: "sub",
    outputs: ["**"],
  });
  expect(await at.jobs.outputs(replaced)).toEqual({});
  expect(replaced.outputProblems?.[0]?.message).toContain("only in the job's own directory");
});
