import { afterAll, beforeAll, expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import type { As } from "../support/api.ts";
import { TestPlane } from "../support/plane.ts";
import { PlayedNode } from "../support/played-node.ts";
import { putArtifact } from "../support/put-artifact.ts";

let plane: TestPlane;
let user: As;
let businessId: string;

beforeAll(async () => {
  plane = await TestPlane.start();
  user = await plane.api.user();
  businessId = (await plane.api.call("auth.whoami", {}, user)).businessId;
});
afterAll(() => plane[Symbol.asyncDispose]());

const submit = (manifest: Partial<JobManifestInput>) =>
  plane.api.call("jobs.submit", { command: "true", labels: { only: "nobody" }, ...manifest }, user);
const refused = (manifest: Partial<JobManifestInput>) =>
  plane.api.refused("jobs.submit", { command: "true", ...manifest }, user);
const artifact = (change = {}) => putArtifact(plane.stores.artifacts, businessId, change);
const setSecret = (name: string, value: string) =>
  plane.api.call("secrets.set", { name, valueBase64: Buffer.from(value).toString("base64") }, user);

/** A node for the jobs of one test. */
async function ownNode() {
  const labels = { only: crypto.randomUUID() };
  return { labels, node: await PlayedNode.register(plane.api, user, { labels }) };
}

/** Starts the node's next job. */
async function start(node: PlayedNode) {
  const { executionId, jobId } = await node.take();
  await node.report(executionId, "RUNNING");
  return { executionId, jobId };
}

/** Ends an execution with an output artifact. */
async function succeed(node: PlayedNode, { executionId, jobId }: { executionId: string; jobId: string }) {
  const { artifactId } = await artifact({ kind: "output", executionId, jobId, attempt: 1 });
  await node.report(executionId, "SUCCEEDED", { exitCode: 0, artifactId });
  return artifactId;
}

/** What the node's next job gets. */
async function inputsOfNext(node: PlayedNode) {
  const { executionId } = await node.take();
  return { executionId, ...(await plane.api.call("nodes.inputs", { executionId }, node.as)) };
}

test("an artifact of another business, or none at all, is refused at the submit, naming the field", async () => {
  const foreign = await putArtifact(plane.stores.artifacts, newId("biz"));
  const { artifactId } = await artifact();
  const inputs = [{ from: `artifact:${artifactId}` }, { from: `artifact:${foreign.artifactId}` }];
  const problem = await refused({ inputs });
  expect(problem).toMatchObject({ code: "invalid_request", errors: [{ path: "inputs.1.from" }] });
  expect(problem.detail).toContain(`artifact ${foreign.artifactId} does not exist or was removed`);
  const batch = { jobs: [{ command: "true" }, { command: "true", inputs }] };
  const inBatch = await plane.api.refused("jobs.submit-batch", batch, user);
  expect(inBatch.errors?.map(({ path }) => path)).toEqual(["jobs.1.inputs.1.from"]);
});

test("a submitted job's artifacts are kept from then on, whatever their time", async () => {
  const { artifactId } = await artifact({ expiresAtMs: Date.now() - 1_000 });
  await submit({ inputs: [{ from: `artifact:${artifactId}` }] });
  const scanned = await plane.stores.artifacts.scanArtifacts(undefined, 1_000);
  const found = scanned.find((one) => one.artifactId === artifactId);
  expect(found?.heldUntilMs ?? 0).toBeGreaterThan(Date.now() + 23 * 3_600_000);
});

test("a repeated submit is answered with its job, even when a file is gone since", async () => {
  const { artifactId } = await artifact();
  const manifest = {
    command: "true",
    labels: { only: "nobody" },
    inputs: [{ from: `artifact:${artifactId}` }],
  };
  const once = { "idempotency-key": crypto.randomUUID() };
  const first = await plane.api.call("jobs.submit", manifest, user, once);
  await plane.stores.artifacts.delete(businessId, [artifactId]);
  expect((await plane.api.call("jobs.submit", manifest, user, once)).jobId).toBe(first.jobId);
});

test("the same submit with and without the implied after is one job", async () => {
  const { jobId } = await submit({ outputs: ["dist/**"] });
  const once = { "idempotency-key": crypto.randomUUID() };
  const manifest = { command: "true", labels: { only: "nobody" }, inputs: [{ from: `job:${jobId}` }] };
  const first = await plane.api.call("jobs.submit", manifest, user, once);
  const after = [{ jobId, on: "success" as const }];
  expect(first).toMatchObject({ after, hold: "after" });
  const again = await plane.api.call("jobs.submit", { ...manifest, after }, user, once);
  expect(again.jobId).toBe(first.jobId);
});

test("jobs that do not exist, keep no files or have no results are refused, naming the field that takes them", async () => {
  const unknown = newId("job");
  expect(await refused({ inputs: [{ from: `job:${unknown}` }] })).toMatchObject({
    errors: [{ path: "inputs.0.from", message: `there is no job ${unknown} in this business` }],
  });
  expect(await refused({ envFrom: [unknown] })).toMatchObject({ errors: [{ path: "envFrom.0" }] });
  const { jobId } = await submit({});
  const noFiles = await refused({ inputs: [{ from: `job:${jobId}/dist/**` }] });
  expect(noFiles.detail).toContain(`job ${jobId} keeps no files: its manifest has no outputs`);
  const array = await submit({ array: "1-2" });
  expect((await refused({ envFrom: [array.jobId] })).detail).toContain("is an array, which has no results");
});

test("a source that succeeded without files, or whose outputs are gone, is refused at the submit and at a retry", async () => {
  const { labels, node } = await ownNode();
  const empty = await submit({ labels, outputs: ["dist/**"] });
  await node.report((await start(node)).executionId, "SUCCEEDED", { exitCode: 0 });
  const noFiles = await refused({ inputs: [{ from: `job:${empty.jobId}` }] });
  expect(noFiles.detail).toContain(`job ${empty.jobId} left no files: none matched dist/**`);
  const source = await submit({ labels, outputs: ["dist/**"] });
  const outputs = await succeed(node, await start(node));
  const manifest = { labels, inputs: [{ from: `job:${source.jobId}` }] };
  const taker = await submit(manifest);
  await node.report((await start(node)).executionId, "FAILED", { exitCode: 1 });
  await plane.stores.artifacts.delete(businessId, [outputs]);
  const message = `inputs.0.from: the outputs of job ${source.jobId} were removed; run that job again`;
  expect((await refused(manifest)).detail).toContain(message);
  const retry = await plane.api.refused("jobs.retry", { jobId: taker.jobId }, user);
  expect(retry.code).toBe("conflict");
  expect(retry.detail).toContain(message);
});

test("a secret that does not exist is refused at the submit, naming the field and the command that sets it", async () => {
  await setSecret("known", "value");
  const problem = await refused({
    secretEnv: { A: "known", TOKEN: "no-such" },
    secretFiles: { ".netrc": "none" },
  });
  expect(problem.errors).toEqual([
    { path: "secretEnv.TOKEN", message: expect.stringContaining("secret set no-such") },
    { path: "secretFiles..netrc", message: expect.stringContaining("there is no secret none") },
  ]);
});

test("a node gets an artifact with its tree and place, and the values of secrets, and nobody else does", async () => {
  const { labels, node } = await ownNode();
  await setSecret("deploy-token", "s3cret");
  const [directory, file] = [await artifact(), await artifact({ type: "file", name: "data.bin" })];
  const from = (one: { artifactId: string }) => `artifact:${one.artifactId}`;
  const { jobId } = await submit({
    labels,
    inputs: [
      { from: from(directory) },
      { from: from(directory), to: "./copy/" },
      { from: from(file) },
      { from: from(file), to: "in/other.bin" },
    ],
    secretEnv: { TOKEN: "deploy-token" },
    secretFiles: { ".netrc": "deploy-token" },
  });
  const given = await inputsOfNext(node);
  expect(given.inputs.map(({ to, artifactId, type }) => [to, artifactId, type])).toEqual([
    [".", directory.artifactId, "directory"],
    ["copy", directory.artifactId, "directory"],
    ["data.bin", file.artifactId, "file"],
    ["in/other.bin", file.artifactId, "file"],
  ]);
  expect(given.inputs[0]).toMatchObject({ tree: directory.tree, field: "inputs.0.from" });
  const value = Buffer.from("s3cret").toString("base64");
  expect(given).toMatchObject({ secretEnv: { TOKEN: value }, secretFiles: { ".netrc": value } });
  const text = JSON.stringify(await plane.api.call("jobs.retrieve", { jobId }, user));
  expect(text.includes("s3cret") || text.includes(value)).toBe(false);
});

test("a job gets the outputs of the last attempt that succeeded, and waits if the source runs again", async () => {
  const { labels, node } = await ownNode();
  const source = await submit({ labels, outputs: ["dist/**"] });
  const first = await succeed(node, await start(node));
  const inputs = [{ from: `job:${source.jobId}/dist/**`, to: "lib" }, { from: `job:${source.jobId}` }];
  const manifest = { labels, inputs };
  await submit(manifest);
  const given = await inputsOfNext(node);
  expect(given.inputs).toMatchObject([
    { artifactId: first, to: "lib", glob: "dist/**", base: "dist" },
    { artifactId: first, to: ".", glob: "**" },
  ]);
  expect(given.inputs[1]?.base).toBeUndefined();
  await node.report(given.executionId, "FAILED", { exitCode: 1 });
  // The source is retried and fails: the outputs of its first attempt still count.
  await plane.api.call("jobs.retry", { jobId: source.jobId }, user);
  const again = await start(node);
  const waiting = await submit(manifest);
  expect(waiting.hold).toBe("after");
  await node.report(again.executionId, "FAILED", { exitCode: 1 });
  expect((await plane.api.call("jobs.retrieve", { jobId: waiting.jobId }, user)).status).toBe("CANCELLED");
  await plane.api.call("jobs.retry", { jobId: waiting.jobId }, user);
  expect((await inputsOfNext(node)).inputs[0]?.artifactId).toBe(first);
});

test("a job that also runs after a failure gets the outputs of the failed attempt", async () => {
  const { labels, node } = await ownNode();
  const { jobId } = await submit({ labels, outputs: ["log.txt"] });
  const { executionId } = await start(node);
  const { artifactId } = await artifact({ kind: "output", executionId, jobId });
  await node.report(executionId, "FAILED", { exitCode: 1, artifactId, results: { WHY: "x" } });
  await submit({
    labels,
    inputs: [{ from: `job:${jobId}` }],
    envFrom: [jobId],
    after: [{ jobId, on: "failure" }],
  });
  expect(await inputsOfNext(node)).toMatchObject({ inputs: [{ artifactId }], env: { WHY: "x" } });
});

test("of an array, a job gets the outputs of each index in a directory of its own", async () => {
  const { labels, node } = await ownNode();
  const array = await submit({ labels, array: "1-3", outputs: ["dist/**"] });
  const outputs: Record<string, string> = {};
  for (let i = 1; i <= 3; i++) {
    const { executionId, jobId, manifest } = await node.take();
    const index = manifest.env.TANVRIT_ARRAY_INDEX ?? "";
    // One job of the array leaves no files.
    if (index === "2") await node.report(executionId, "SUCCEEDED", { exitCode: 0 });
    else outputs[index] = await succeed(node, { executionId, jobId });
  }
  await submit({
    labels,
    inputs: [{ from: `job:${array.jobId}/dist/**`, to: "all" }, { from: `job:${array.jobId}` }],
  });
  const { inputs } = await inputsOfNext(node);
  expect(inputs.map(({ to, artifactId, base }) => [to, artifactId, base])).toEqual([
    ["all/1", outputs["1"] ?? "", "dist"],
    ["all/3", outputs["3"] ?? "", "dist"],
    ["1", outputs["1"] ?? "", undefined],
    ["3", outputs["3"] ?? "", undefined],
  ]);
});

test("what is gone by the time the job starts is a conflict that says what and which field", async () => {
  const { labels, node } = await ownNode();
  await setSecret("soon-gone", "value");
  const { artifactId } = await artifact();
  const source = await submit({ labels, outputs: ["dist/**"] });
  const goneFile = { inputs: [{ from: `artifact:${artifactId}` }] };
  const goneSecret = { secretEnv: { TOKEN: "soon-gone" } };
  const noOutputs = { inputs: [{ from: `job:${source.jobId}` }] };
  for (const manifest of [goneFile, goneSecret, noOutputs]) await submit({ labels, ...manifest });
  await node.report((await start(node)).executionId, "SUCCEEDED", { exitCode: 0 });
  await plane.stores.artifacts.delete(businessId, [artifactId]);
  await plane.api.call("secrets.delete", { names: ["soon-gone"] }, user);
  const expected = [
    `inputs.0.from: artifact ${artifactId} was removed`,
    "secretEnv.TOKEN: there is no secret soon-gone any more",
    `inputs.0.from: job ${source.jobId} left no files: no file matched its outputs (dist/**)`,
  ];
  for (const message of expected) {
    const { executionId } = await node.take();
    const problem = await plane.api.refused("nodes.inputs", { executionId }, node.as);
    expect(problem.code).toBe("conflict");
    expect(problem.detail).toContain(message);
    await node.report(executionId, "FAILED", { reason: "StartFailed", message: problem.detail });
  }
});

test("a job whose file or secret is gone is not retried by hand, and a set of jobs is retried without it", async () => {
  const { labels, node } = await ownNode();
  const { artifactId } = await artifact();
  const lacking = await submit({ labels, inputs: [{ from: `artifact:${artifactId}` }] });
  const well = await submit({ labels });
  for (let i = 0; i < 2; i++) await node.report((await node.take()).executionId, "FAILED", { exitCode: 1 });
  await plane.stores.artifacts.delete(businessId, [artifactId]);
  const problem = await plane.api.refused("jobs.retry", { jobId: lacking.jobId }, user);
  expect(problem.code).toBe("conflict");
  expect(problem.detail).toContain(`cannot be run again: inputs.0.from: artifact ${artifactId}`);
  const set = await plane.api.call("jobs.retry-matching", { labels }, user);
  expect(set).toMatchObject({ matched: 2, changed: 1, left: 0, lacking: 1 });
  expect((await plane.api.call("jobs.retrieve", { jobId: well.jobId }, user)).status).toBe("QUEUED");
});

test("a node cannot give a job an artifact that is not the output of that attempt", async () => {
  const { labels, node } = await ownNode();
  const { jobId } = await submit({ labels, outputs: ["dist/**"] });
  const { executionId } = await start(node);
  const { artifactId } = await artifact({ kind: "output", executionId: newId("exe") });
  await node.report(executionId, "SUCCEEDED", { exitCode: 0, artifactId });
  const job = await plane.api.call("jobs.retrieve", { jobId }, user);
  expect(job.artifactId).toBeUndefined();
  expect(job.outputProblems).toMatchObject([{ path: artifactId }]);
});

test("schedules and templates that name a missing artifact or secret are refused, naming the field", async () => {
  const missing = newId("art");
  const job = { command: "true", inputs: [{ from: `artifact:${missing}` }], secretEnv: { TOKEN: "no-such" } };
  const schedule = await plane.api.refused("schedules.create", { cron: "0 * * * *", job }, user);
  const paths = ["job.inputs.0.from", "job.secretEnv.TOKEN"];
  expect(schedule.errors?.map(({ path }) => path)).toEqual(paths);
  const template = await plane.api.refused("templates.create", { name: "lacking", job }, user);
  expect(template.errors?.map(({ path }) => path)).toEqual(paths);
});

test("a parameter of a template can be an artifact or the name of a secret, and is checked when the template runs", async () => {
  await setSecret("for-template", "value");
  const { artifactId } = await artifact();
  const parameters = [
    { name: "data", type: "string" as const, required: true },
    { name: "secret", type: "string" as const, required: true },
  ];
  const job = {
    command: ["true"],
    inputs: [{ from: "artifact:{{data}}" }],
    secretEnv: { TOKEN: "{{secret}}" },
  };
  await plane.api.call("templates.create", { name: "with-files", parameters, job }, user);
  const run = { template: "with-files", params: { data: artifactId, secret: "for-template" } };
  expect(await plane.api.call("templates.run", run, user)).toMatchObject({
    inputs: [{ from: `artifact:${artifactId}` }],
    secretEnv: { TOKEN: "for-template" },
  });
  const wrong = { template: "with-files", params: { data: newId("art"), secret: "for-template" } };
  const problem = await plane.api.refused("templates.run", wrong, user);
  expect(problem.errors).toMatchObject([{ path: "inputs.0.from" }]);
});

test("a fire whose artifact is gone says so", async () => {
  const { artifactId } = await artifact();
  const job = { command: "true", inputs: [{ from: `artifact:${artifactId}` }] };
  const { scheduleId } = await plane.api.call("schedules.create", { cron: "0 0 1 1 *", job }, user);
  await plane.stores.artifacts.delete(businessId, [artifactId]);
  const fire = await plane.api.call("schedules.run", { scheduleId }, user);
  expect(fire).toMatchObject({
    status: "FAILED",
    message: expect.stringContaining(`artifact ${artifactId} does not exist`),
  });
});
