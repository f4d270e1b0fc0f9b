import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import { newJob } from "../job/job-rules.ts";
import { variablesFrom } from "./result-variables.ts";

const [one, two] = [newId("job"), newId("job")];
const jobOf = (manifest: Partial<JobManifestInput> = {}) =>
  newJob({ businessId: "b", userId: "u" }, jobManifest.parse({ command: "true", ...manifest }), {}, 0);
const outcomes = (...results: Record<string, string>[]) =>
  new Map(results.map((each, i) => [i === 0 ? one : two, { job: jobOf(), end: { results: each } }]));

test("a later job's result wins, and env and secretEnv win over all", () => {
  const job = jobOf({ envFrom: [one, two], env: { OWN: "mine" }, secretEnv: { TOKEN: "deploy" } });
  const given = outcomes({ A: "1", B: "1", OWN: "x" }, { B: "2", TOKEN: "x" });
  expect(variablesFrom(job, given)).toEqual({ env: { A: "1", B: "2" }, notes: [] });
});

test("results that cannot be variables are left out, and named", () => {
  const given = outcomes({ "a-b": "1", "2": "x", OK: "1", NUL: "a\0b" });
  const { env, notes } = variablesFrom(jobOf({ envFrom: [one] }), given);
  expect(env).toEqual({ OK: "1" });
  expect(notes).toEqual([expect.stringMatching(/"2", "a-b", "NUL"\.$/)]);
});

test("a job that is gone, or has not succeeded, is named with its field", () => {
  expect(() => variablesFrom(jobOf({ envFrom: [one] }), new Map())).toThrow(
    `envFrom.0: there is no job ${one}`,
  );
  const failed = new Map([[one, { job: { ...jobOf(), status: "FAILED" as const } }]]);
  expect(() => variablesFrom(jobOf({ envFrom: [one] }), failed)).toThrow("has not succeeded; it is FAILED");
});

test("more results than an environment holds are refused with the numbers", () => {
  const given = outcomes({ A: "x".repeat(600_000) }, { B: "x".repeat(600_000) });
  expect(() => variablesFrom(jobOf({ envFrom: [one, two] }), given)).toThrow("have 1200");
});
