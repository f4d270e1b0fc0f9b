import { expect, test } from "bun:test";
import { manifestOfJob } from "../../portal/manifest/of-job.ts";
import { jobManifest } from "../../shared/manifest.ts";

const JOBS: Record<string, unknown>[] = [
  { command: "make test" },
  { command: ["sleep", "5"], name: "nap", env: { A: "b" }, resources: { cpu: 0.5 }, timeoutSeconds: 30 },
  { type: "DOCKER", image: "alpine", docker: { pull: "always" }, pool: "big", concurrency: { group: "g" } },
  { type: "GITHUB_ACTION", workflow: { path: "ci.yml", clone: { url: "https://example.com/x.git" } } },
];

test("the manifest of a job is what a person wrote: nothing is lost, and no default is added", () => {
  for (const written of JOBS) expect(manifestOfJob(jobManifest.parse(written))).toEqual(written);
});

test("what was meant for one run, and what happened to it, is not part of the next", () => {
  const job = {
    ...jobManifest.parse({ command: "a", notBefore: "+10m", after: [{ jobId: `job_${"0".repeat(26)}` }] }),
    jobId: "job_1",
    status: "FAILED",
    exitCode: 1,
  };
  expect(manifestOfJob(job)).toEqual({ command: "a" });
});
