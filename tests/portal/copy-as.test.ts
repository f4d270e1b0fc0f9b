import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { asCommandLine, asCurl, asTypeScript } from "../../portal/manifest/copy-as.ts";
import { manifestOf } from "../../portal/manifest/manifest-of.ts";
import type { Job, JobManifestInput } from "../../sdk/index.ts";
import { jobManifest } from "../../shared/manifest.ts";
import { Person } from "../support/person.ts";
import { program, programEnv } from "../support/program.ts";

const RUN = {
  jobId: "job_01",
  businessId: "biz_1",
  userId: "usr_1",
  status: "SUCCESS",
  attempt: 1,
  retryCount: 0,
  lostCount: 0,
  createdAt: "2026-01-01T00:00:00Z",
} as const;

function jobFrom(input: JobManifestInput): Job {
  return { ...jobManifest.parse(input), ...RUN } as Job;
}

const MANIFESTS: JobManifestInput[] = [
  { command: ["true"] },
  { command: "make 'all' && echo \"$HOME\"\n" },
  {
    name: "it's <b>",
    command: ["sh", "-c", "echo $1", "--", "-x", ""],
    env: { A: "b=c", "discovery.type": "-1" },
    labels: { "node.name": "alpha" },
    resources: { cpu: 0.5, gpuCount: 1 },
    priority: -3,
    retryOn: [75, "128-159", "SIGKILL"],
    maxRetries: 2,
    after: [{ jobId: "job_00000000000000000000000000" }],
    concurrency: { group: "g", limit: 2 },
    array: "1-4%2",
    outputs: ["dist/**"],
    stopSignal: "SIGINT",
  },
  { type: "DOCKER", image: "python:3.13", docker: { mounts: [{ type: "tmpfs", target: "/x" }], user: 5 } },
  {
    type: "GITHUB_ACTION",
    workflow: { path: "ci.yml", clone: { url: "https://example.com/x.git" } },
    graceSeconds: 10,
  },
];

test("the manifest of a job submits the same job again, and has no field that says its default", () => {
  for (const manifest of MANIFESTS) {
    const job = jobFrom(manifest);
    const again = manifestOf(job);
    expect(jobManifest.parse(again)).toEqual(jobManifest.parse(manifest));
    expect(again).not.toHaveProperty("pool");
    expect(again).not.toHaveProperty("jobId");
  }
});

test("the time of a retry is no part of the manifest; the time before which a job must not start is", () => {
  const job = { ...jobFrom({ command: ["true"] }), notBefore: "2026-01-01T00:00:10Z" };
  expect(manifestOf({ ...job, attempt: 2 })).not.toHaveProperty("notBefore");
  expect(manifestOf({ ...job, attempt: 0 })).toMatchObject({ notBefore: job.notBefore });
});

test("a command line has options if they say exactly the same, and otherwise the manifest on standard input", () => {
  const [short, shell, long, docker] = MANIFESTS.map(asCommandLine);
  expect(short).toBe("tanvrit-compute job submit -- true");
  expect(shell).toStartWith("tanvrit-compute job submit --file - <<'EOF'\n{");
  expect(long).toContain("--priority=-3");
  expect(long).toContain(`--name 'it'\\''s <b>'`);
  expect(long).toEndWith("-- sh -c 'echo $1' -- -x ''");
  expect(docker).toContain("<<'EOF'");
});

test("a request and a program have the token only as a variable", () => {
  const [, manifest = {}] = MANIFESTS;
  expect(asCurl(manifest, "http://127.0.0.1:7070")).toContain('"Authorization: Bearer $TANVRIT_TOKEN"');
  const program = asTypeScript(
    { ...manifest, env: { "a-b": "1", __proto__x: "2" } },
    "http://127.0.0.1:7070",
  );
  expect(program).toContain("token: process.env.TANVRIT_TOKEN");
  expect(program).toContain('    "a-b": "1",\n    __proto__x: "2",');
});

test("a shell that runs the copied command line submits the same manifest", async () => {
  await using person = await Person.withServer();
  const { jobs } = await person.client();
  const shim = person.home.join("tanvrit-compute");
  await Bun.write(shim, `#!/bin/sh\nexec ${program().join(" ")} "$@"\n`);
  await chmod(shim, 0o755);
  const path = `${person.home.path}:${process.env.PATH}`;
  const [first] = MANIFESTS;
  const { jobId: earlier } = await jobs.submit({ ...first, command: ["false"] });
  for (const manifest of MANIFESTS) {
    const given = manifest.after ? { ...manifest, after: [{ jobId: earlier }] } : manifest;
    const submitted = manifestOf((await jobs.submit(given)) as Job);
    const line = asCommandLine(submitted);
    const shell = Bun.spawnSync(["sh", "-c", line], { env: programEnv(person.home.path, { PATH: path }) });
    const jobId = shell.stdout.toString().trim();
    expect({ line, error: shell.stderr.toString() }).toEqual({
      line,
      error: expect.not.stringContaining("Error"),
    });
    expect(manifestOf((await jobs.retrieve(jobId)) as Job)).toEqual(submitted);
  }
});
