import { describe, expect, test } from "bun:test";
import type { ArtifactStore } from "../../server/artifact/artifact-store.ts";
import type { AuditStore } from "../../server/audit/audit-store.ts";
import type { Seal } from "../../server/auth/seal.ts";
import { DirectoryBlobs } from "../../server/blob/directory-blobs.ts";
import type { CreditStore } from "../../server/credit/credit-store.ts";
import type { Assigned } from "../../server/execution/execution-store.ts";
import { checkStore } from "../../server/integrity/check.ts";
import type { IntegrityStore } from "../../server/integrity/integrity-store.ts";
import type { JobState } from "../../server/job/job-record.ts";
import type { SecretStore } from "../../server/secret/secret-store.ts";
import type { RunStore } from "../../server/workflow/run-store.ts";
import { jobOf, nodeOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

export interface IntegrityStores extends ControlPlaneStores {
  integrity: IntegrityStore;
  credits: CreditStore;
  artifacts: ArtifactStore;
  audit: AuditStore;
  secrets: SecretStore;
  runs: RunStore;
  seal: Seal;
}

const AT_MS = Date.parse("2026-03-15T12:00:00Z");
const BUSINESS = "biz";
const price = { vcpuSecondMicroUsd: 1, gibSecondMicroUsd: 1, gpuSecondMicroUsd: 1 };

/** These tests have no files. */
const check = (stores: IntegrityStores) =>
  checkStore({ ...stores, auditKey: async () => undefined }, new DirectoryBlobs("/there-are-no-files"), {
    deep: false,
  });

/** What every store reports about its own integrity. `open` gives an empty store, which is closed after each test. */
export function integrityStoreContract(name: string, open: () => Promise<IntegrityStores>) {
  describe(`${name}: integrity`, () => {
    const withRunning = async (body: (stores: IntegrityStores, running: Assigned) => Promise<void>) => {
      const stores = await open();
      try {
        await stores.nodes.insert(nodeOf(BUSINESS));
        await stores.jobs.insert(
          [jobOf(BUSINESS), jobOf(BUSINESS)].map((job) => ({ job, idempotency: undefined })),
        );
        const [running] = await assignOne(stores);
        if (!running) throw new Error("nothing was assigned");
        await body(stores, running);
      } finally {
        await stores.close();
      }
    };

    test("a store in use has no damage, and its records are counted", () =>
      withRunning(async (stores, { job, execution }) => {
        await stores.credits.post([reserveOf(job.jobId, execution.executionId)]);
        const report = await check(stores);
        expect(report.rules.flatMap((rule) => rule.faults)).toEqual([]);
        expect(report).toMatchObject({
          holds: true,
          counts: { jobs: 2, executions: 1, accounts: 1, ledgerEntries: 2 },
        });
      }));

    test("a workflow run whose execution is gone is found", () =>
      withRunning(async (stores, { execution }) => {
        const { executionId, jobId } = execution;
        const request = { path: "ci.yml", event: "push" };
        const run = { businessId: BUSINESS, jobId, executionId, attempt: 1, request, from: 0, events: [] };
        await stores.runs.append(run);
        expect((await check(stores)).holds).toBe(true);
        await stores.runs.append({ ...run, executionId: "exe_gone" });
        expect(await stores.integrity.runsWithoutExecution(10)).toEqual([
          { id: "exe_gone", detail: `it is of job ${jobId}` },
        ]);
        expect((await check(stores)).holds).toBe(false);
      }));

    test("an array whose jobs run needs no execution of its own", () =>
      withRunning(async (stores) => {
        const array = jobOf(BUSINESS);
        const manifest = { ...array.manifest, array: "1-3" };
        const job = { ...array, manifest, gate: "array" as const, status: "RUNNING" as const };
        await stores.jobs.insert([{ job, idempotency: undefined }]);
        expect(await stores.integrity.jobsWithoutExecution(10)).toEqual([]);
      }));

    test("a job that runs without a live execution is found", () =>
      withRunning(async (stores, { job, execution }) => {
        await change(stores, execution, ({ execution }) => ({
          execution: execution && { ...execution, status: "FAILED", finishedAtMs: AT_MS },
        }));
        const [fault] = await stores.integrity.jobsWithoutExecution(10);
        const detail = `it is ASSIGNED with execution ${execution.executionId}, which is FAILED`;
        expect(fault).toEqual({ id: job.jobId, detail });
        expect((await check(stores)).holds).toBe(false);
      }));

    test("an execution whose job went elsewhere is found, and so is a job that runs twice", () =>
      withRunning(async (stores, { job, execution }) => {
        await change(stores, execution, ({ job }) => ({
          job: { ...job, status: "QUEUED", executionId: undefined, nodeId: undefined },
        }));
        const { executionId } = execution;
        const [queued] = await stores.integrity.executionsWithoutJob(10);
        expect(queued).toEqual({
          id: executionId,
          detail: `it is ASSIGNED, but its job ${job.jobId} is QUEUED with execution none`,
        });
        expect(await stores.integrity.jobsLiveTwice(10)).toEqual([]);
        await assignOne(stores);
        const [twice] = await stores.integrity.jobsLiveTwice(10);
        expect(twice?.id).toBe(job.jobId);
        expect(twice?.detail).toContain(executionId);
        const broken = (await check(stores)).rules.filter((rule) => !rule.holds);
        expect(broken.map((rule) => rule.rule)).toEqual([
          "every live execution is the current one of its job",
          "no job is executed twice at once",
        ]);
      }));

    test("an execution that was settled while it runs is found", () =>
      withRunning(async (stores, { job, execution }) => {
        const { executionId } = execution;
        await stores.credits.post([
          reserveOf(job.jobId, executionId),
          { kind: "settle", ...who, executionId, runMs: 1_000 },
        ]);
        const [fault] = await stores.integrity.settledButLive(10);
        expect(fault).toEqual({ id: executionId, detail: expect.stringContaining("was settled with crd_") });
        const broken = (await check(stores)).rules.filter((rule) => !rule.holds);
        expect(broken.map((rule) => rule.rule)).toEqual(["no execution is settled before it ends"]);
      }));
  });
}

const who = { businessId: BUSINESS, userId: "usr", nowMs: AT_MS };

function reserveOf(jobId: string, executionId: string) {
  const bill = { sku: "std", price, resources: { cpu: 1, memoryMb: 1_024, gpuCount: 0 } };
  const cover = { coverMs: 60_000, maxCoverMs: 60_000 };
  return { kind: "reserve" as const, ...who, executionId, jobId, nodeId: "node", bill, ...cover };
}

async function assignOne(stores: IntegrityStores): Promise<Assigned[]> {
  const nodes = { businessId: BUSINESS, status: undefined, beforeNodeId: undefined, limit: 1 };
  const [node] = await stores.nodes.list(nodes);
  const request = { nodeId: node?.nodeId ?? "", businessId: BUSINESS, limit: 1, nowMs: AT_MS };
  const [assigned = []] = await stores.assignments.assign([{ ...request, leaseExpiresAtMs: AT_MS + 15_000 }]);
  return assigned;
}

/** Writes a state that the server's rules would never write. */
async function change(
  stores: IntegrityStores,
  { executionId, nodeId }: Assigned["execution"],
  make: (state: JobState) => Partial<JobState>,
): Promise<void> {
  await stores.jobs.change([
    {
      key: { executionId, nodeId },
      decide: (state) => ({ ...(state && make(state)), result: undefined }),
    },
  ]);
}
