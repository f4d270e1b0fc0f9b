import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import { fingerprintOf, fingerprintOfBatch, isSameRequest } from "./fingerprint.ts";

const [one, two] = [newId("job"), newId("job")];
const from = `artifact:${newId("art")}`;
const of = (manifest: Partial<JobManifestInput>) =>
  fingerprintOf(jobManifest.parse({ command: "true", ...manifest }));

test("two manifests that mean the same have the same fingerprint, however they are written", () => {
  const same: [Partial<JobManifestInput>, Partial<JobManifestInput>][] = [
    [{ labels: { os: "linux", arch: "amd64" } }, { labels: { arch: "amd64", os: "linux" } }],
    [{ env: { A: "1", B: "2" } }, { env: { B: 2, A: 1 } }],
    [
      {},
      { priority: 0, maxRetries: 0, graceSeconds: 10, pool: "default", type: "COMMAND", env: {}, labels: {} },
    ],
    [{}, { resources: {} }],
    [{ resources: { cpu: 1 } }, { resources: { gpuCount: 0, cpu: 1.0, memoryMb: 0 } }],
    [{ concurrency: { group: "g" } }, { concurrency: { cancelInProgress: false, limit: 1, group: "g" } }],
    [{ after: [{ jobId: one }, { jobId: two }] }, { after: [{ jobId: two, on: "success" }, { jobId: one }] }],
    [{ retryOn: [137, "NodeLost"] }, { retryOn: ["NodeLost", "137"] }],
    [{ retryOn: [137] }, { retryOn: ["SIGKILL"] }],
    [{ selector: "os in (linux,darwin)" }, { selector: "os in ( darwin, linux )" }],
    [{ array: "1-3" }, { array: " 1,2, 3 " }],
    [{ selector: "os=linux, gpu" }, { selector: "gpu,os=linux" }],
    [{ notBefore: "+10m" }, { notBefore: "+600s" }],
    [{ notBefore: "2026-01-31T12:00:00Z" }, { notBefore: "2026-01-31T13:00:00+01:00" }],
    [
      { type: "DOCKER", image: "a", docker: { capAdd: ["SYS_TIME", "NET_ADMIN"] } },
      { type: "DOCKER", image: "a", docker: { capAdd: ["net_admin", "SYS_TIME"], mounts: [] } },
    ],
    [
      { type: "DOCKER", image: "a" },
      { type: "DOCKER", image: "a", docker: {} },
    ],
    [{ outputs: ["dist/", "*.xml"] }, { outputs: ["*.xml", "./dist/**", "*.xml"] }],
    [{ inputs: [{ from: `job:${one}` }] }, { inputs: [{ from: `job:${one}/**` }] }],
    [{ inputs: [{ from, to: "./data/" }] }, { inputs: [{ to: "data", from }] }],
    [{ secretEnv: { A: "a", B: "b" } }, { secretEnv: { B: "b", A: "a" }, secretFiles: {} }],
  ];
  for (const [first, second] of same) expect([first, of(first)]).toEqual([first, of(second)]);
});

test("every change of what the job does changes its fingerprint", () => {
  const all: Partial<JobManifestInput>[] = [
    {},
    { command: ["true"] },
    { command: "true " },
    { name: "x" },
    { labels: { os: "linux" } },
    { env: { A: "1" } },
    { env: { A: "2" } },
    { env: { __PROTO: "1" } },
    { priority: 1 },
    { graceSeconds: 0 },
    { resources: { cpu: 1 } },
    { concurrency: { group: "defaults" } },
    { concurrency: { group: "g" } },
    { concurrency: { group: "g", limit: 2 } },
    { after: [{ jobId: one }] },
    { after: [{ jobId: one, on: "any" }] },
    { inputs: [{ from }] },
    { inputs: [{ from, to: "data" }] },
    { inputs: [{ from: `job:${one}` }, { from }] },
    { inputs: [{ from }, { from: `job:${one}` }] },
    { outputs: ["dist/**"] },
    { secretEnv: { A: "a" } },
    { secretEnv: { A: "b" } },
    { secretFiles: { A: "a" } },
    { envFrom: [one, two] },
    { envFrom: [two, one] },
    { array: "1-3" },
    { array: "1-3%2" },
    { notBefore: "+10m" },
    { notBefore: "+11m" },
    { retryOn: [137] },
    { retryOn: ["SIGTERM"] },
    { command: "defaults" },
  ];
  expect(new Set(all.map(of)).size).toBe(all.length);
});

test("a batch's fingerprint depends on the order of its jobs and on their own keys", async () => {
  const job = (name: string, idempotencyKey?: string) => ({
    ...jobManifest.parse({ command: "true", name }),
    idempotencyKey,
  });
  const first = await fingerprintOfBatch([job("a"), job("b", "k")]);
  expect(await fingerprintOfBatch([job("a"), job("b", "k")])).toBe(first);
  for (const other of [[job("b", "k"), job("a")], [job("a"), job("b")], [job("a")]]) {
    expect(await fingerprintOfBatch(other)).not.toBe(first);
  }
});

test("a key that was used with an earlier version of the program is compared by the job it created", () => {
  const manifest = jobManifest.parse({ command: "true", labels: { a: "1", b: "2" } });
  const earlier = { bodyHash: "hash-of-bytes", manifest };
  const wanted = (labels: Record<string, string>) => {
    const again = jobManifest.parse({ command: "true", labels });
    return { bodyHash: fingerprintOf(again), manifest: again };
  };
  expect(isSameRequest(earlier, wanted({ b: "2", a: "1" }))).toBe(true);
  expect(isSameRequest(earlier, wanted({ b: "2" }))).toBe(false);
});

test("a key of an older release still matches its job, even if that job's manifest would be refused today", () => {
  const stored = (selector: string) => ({ ...jobManifest.parse({ command: "true" }), selector });
  const earlier = { bodyHash: "by an older release", manifest: stored("os=linux||os=darwin") };
  const wanted = (manifest: ReturnType<typeof stored>) => ({ bodyHash: fingerprintOf(manifest), manifest });
  expect(isSameRequest(earlier, wanted(stored("os=linux")))).toBe(false);
  expect(isSameRequest(earlier, wanted(stored(" os=linux||os=darwin")))).toBe(true);
});
