import { expect, test } from "bun:test";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { limits } from "../../shared/limits.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import { newJob } from "./job-rules.ts";
import { afterItsSources, problemsOfOthers } from "./job-sources.ts";

const [one, two, three] = [newId("job"), newId("job"), newId("job")];
const manifestOf = (manifest: Partial<JobManifestInput>) =>
  jobManifest.parse({ command: "true", ...manifest });
const afterOf = (manifest: Partial<JobManifestInput>) => afterItsSources(manifestOf(manifest)).after;

test("a job waits for the success of the jobs whose outputs or results it takes, each once", () => {
  const inputs = [
    { from: `job:${one}/dist/**` },
    { from: `artifact:${newId("art")}` },
    { from: `job:${one}` },
  ];
  expect(afterOf({ inputs, envFrom: [two, one] })).toEqual([
    { jobId: one, on: "success" },
    { jobId: two, on: "success" },
  ]);
});

test("what the manifest says about a job it waits for stands", () => {
  const after = [{ jobId: one, on: "any" as const }];
  expect(afterOf({ after, envFrom: [one, two] })).toEqual([...after, { jobId: two, on: "success" }]);
});

test("a manifest without sources stays the same object", () => {
  const plain = manifestOf({ after: [{ jobId: one }], inputs: [{ from: `artifact:${newId("art")}` }] });
  expect(afterItsSources(plain)).toBe(plain);
});

test("too many sources are refused, naming the field, also in a batch", () => {
  const manifest = manifestOf({
    after: Array.from({ length: 60 }, () => ({ jobId: newId("job") })),
    envFrom: Array.from({ length: 60 }, () => newId("job")),
  });
  const refused = () => afterItsSources(manifest, "jobs.2.");
  expect(refused).toThrow(ComputeError);
  expect(refused).toThrow("jobs.2.envFrom.40: a job can wait for at most 100 other jobs");
});

test("a job that is missing, keeps no files or is an array is named by the field that takes it", () => {
  const job = (manifest: Partial<JobManifestInput>) =>
    newJob({ businessId: "b", userId: "u" }, manifestOf(manifest), {}, 0);
  const others = new Map([
    [two, job({})],
    [three, job({ array: "1-3", outputs: ["*.xml"] })],
  ]);
  const inputs = [{ from: `job:${one}` }, { from: `job:${two}` }, { from: `job:${three}` }];
  const manifest = afterItsSources(
    manifestOf({ inputs, envFrom: [two, three], after: [{ jobId: newId("job") }] }),
  );
  expect(problemsOfOthers(manifest, others)).toEqual([
    { path: "after", message: expect.stringContaining("there is no job") },
    { path: "inputs.0.from", message: `there is no job ${one} in this business` },
    { path: "inputs.1.from", message: expect.stringContaining("keeps no files") },
    { path: "envFrom.1", message: expect.stringContaining("is an array") },
  ]);
});

test("an array that is too large only with the jobs it waits for is refused too", () => {
  const jobs = 5_000;
  const envFrom = [one];
  const empty = JSON.stringify(manifestOf({ array: `1-${jobs}`, envFrom, env: { A: "" } })).length;
  const room = Math.floor(limits.maxArrayBytes / jobs) - empty;
  const manifest = manifestOf({ array: `1-${jobs}`, envFrom, env: { A: "x".repeat(room) } });
  expect(() => afterItsSources(manifest)).toThrow(/array: its jobs have \d+ bytes together/);
});
