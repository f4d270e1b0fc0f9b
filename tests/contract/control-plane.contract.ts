import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { ExecutionStore } from "../../server/execution/execution-store.ts";
import { applyReport, expireQueued, releaseLease, renewLease } from "../../server/execution/rules.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import { queueKeyOf } from "../../server/job/requirement.ts";
import type { NodeRecord } from "../../server/node/node-store.ts";
import { idTimeMs, newId } from "../../shared/ids.ts";
import { type JobManifestInput, jobManifest } from "../../shared/manifest.ts";
import type { ExecutionReport } from "../../shared/node.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");

export function jobOf(businessId: string, manifest: Partial<JobManifestInput> = {}): JobRecord {
  const parsed = jobManifest.parse({ command: "true", ...manifest });
  return {
    jobId: newId("job"),
    businessId,
    userId: "usr",
    templateId: undefined,
    scheduleId: undefined,
    apiKeyId: undefined,
    arrayId: undefined,
    gate: undefined,
    manifest: parsed,
    queueKey: queueKeyOf(parsed, "usr"),
    status: "QUEUED",
    attempt: 0,
    retryCount: 0,
    lostCount: 0,
    agentDeaths: 0,
    rerunOf: undefined,
    executionId: undefined,
    nodeId: undefined,
    end: undefined,
    cancelRequestedAtMs: undefined,
    createdAtMs: AT_MS,
    notBeforeMs: undefined,
    queueDeadlineMs: undefined,
    assignedAtMs: undefined,
    startedAtMs: undefined,
    finishedAtMs: undefined,
  };
}

/** The credentials that speak for the nodes of `nodeOf`. */
export const speaker = { keyHash: "hash", runId: undefined };

export function nodeOf(
  businessId: string,
  capacity: Partial<NodeRecord["description"]["capacity"]> = {},
): NodeRecord {
  return {
    nodeId: newId("node"),
    businessId,
    userId: "usr",
    sessionId: newId("ses"),
    description: {
      name: "n",
      labels: { os: "linux" },
      pool: "default",
      capacity: { cpu: 4, memoryMb: 1_000, gpuCount: 0, slots: 100, ...capacity },
      jobTypes: ["COMMAND"],
      agentVersion: "0",
    },
    draining: false,
    offline: false,
    accessEnded: false,
    condition: { suspended: false },
    keyHash: speaker.keyHash,
    lastHeartbeatAtMs: AT_MS,
    createdAtMs: AT_MS,
  };
}

/** What every adapter of the job, node and execution ports must do, races included. */
export function controlPlaneContract(name: string, open: () => Promise<ControlPlaneStores>): void {
  describe(`${name}: jobs, nodes and executions`, () => {
    let stores: ControlPlaneStores;
    const businessId = newId("biz");

    beforeEach(async () => {
      stores = await open();
    });
    afterEach(() => stores.close());

    const submit = async (...manifests: Partial<JobManifestInput>[]) => {
      const jobs = manifests.map((manifest) => jobOf(businessId, manifest));
      await stores.jobs.insert(jobs.map((job) => ({ job, idempotency: undefined })));
      return jobs;
    };
    const register = async (capacity: Parameters<typeof nodeOf>[1] = {}) => {
      const node = nodeOf(businessId, capacity);
      await stores.nodes.insert(node);
      return node;
    };
    const assign = async (node: NodeRecord, limit = 100) => {
      const request = {
        nodeId: node.nodeId,
        businessId: node.businessId,
        limit,
        nowMs: AT_MS,
        leaseExpiresAtMs: AT_MS + 1,
      };
      const [assigned] = await stores.assignments.assign([request]);
      return assigned ?? [];
    };
    const report = (
      nodeId: string,
      executionId: string,
      status: ExecutionReport["status"],
      exitCode?: number,
    ) =>
      stores.jobs
        .change([
          {
            key: { executionId, nodeId },
            decide: (state) =>
              applyReport(state, { executionId, status, at: new Date(AT_MS).toISOString(), exitCode }, AT_MS),
          },
        ])
        .then(([result]) => result?.outcome);

    test("50 concurrent claims hand out each of 500 jobs exactly once", async () => {
      await submit(...Array.from({ length: 500 }, () => ({})));
      const nodes = await Promise.all(Array.from({ length: 50 }, () => register()));
      const claims = await Promise.all(nodes.flatMap((node) => [assign(node, 7), assign(node, 7)]));
      const ids = claims.flat().map(({ job }) => job.jobId);
      expect(ids.length).toBe(500);
      expect(new Set(ids).size).toBe(500);
    });

    test("jobs go out by priority, then age, across different requirements", async () => {
      const [late, plain, urgent] = await submit({}, { labels: { os: "linux" } }, { priority: 5 });
      const assigned = await assign(await register());
      expect(assigned.map(({ job }) => job.jobId)).toEqual(
        [urgent, late, plain].map((job) => job?.jobId ?? ""),
      );
    });

    test("the user with the fewest running jobs comes next, however many jobs another user has queued", async () => {
      await submit(...Array.from({ length: 50 }, () => ({})));
      const node = await register();
      await assign(node, 5);
      const other = { ...jobOf(businessId), userId: "other" };
      other.queueKey = queueKeyOf(other.manifest, other.userId);
      await stores.jobs.insert([{ job: other, idempotency: undefined }]);
      const next = await assign(node, 2);
      expect(next[0]?.job.jobId).toBe(other.jobId);
      expect(next[1]?.job.userId).toBe("usr");
    });

    test("priority comes before fairness", async () => {
      const other = { ...jobOf(businessId), userId: "other" };
      other.queueKey = queueKeyOf(other.manifest, other.userId);
      await stores.jobs.insert([{ job: other, idempotency: undefined }]);
      const [, urgent] = await submit({ priority: 1 }, { priority: 2 });
      const node = await register();
      expect((await assign(node, 1))[0]?.job.jobId).toBe(urgent?.jobId ?? "");
      expect((await assign(node, 1))[0]?.job.userId).toBe("usr");
    });

    test("the jobs assigned to a node never exceed its capacity, even if many calls assign at once", async () => {
      await submit(...Array.from({ length: 20 }, () => ({ resources: { cpu: 1.5 } })));
      const node = await register({ cpu: 4 });
      const claims = await Promise.all(Array.from({ length: 10 }, () => assign(node, 5)));
      expect(claims.flat().length).toBe(2);
    });

    test("a job that is too large for the free capacity does not block a small job", async () => {
      const [, small] = await submit({ resources: { cpu: 3 }, priority: 9 }, { resources: { cpu: 1 } });
      const node = await register({ cpu: 4 });
      const [first] = await assign(node, 1);
      await submit({ resources: { cpu: 3 }, priority: 9 });
      expect(first?.job.manifest.resources.cpu).toBe(3);
      expect((await assign(node)).map(({ job }) => job.jobId)).toEqual([small?.jobId ?? ""]);
    });

    test("a job that is too large for the free capacity is not overtaken forever", async () => {
      const node = await register({ cpu: 4 });
      await submit({ resources: { cpu: 1 } });
      expect((await assign(node)).length).toBe(1);
      const [large] = await submit({ resources: { cpu: 4 } });
      await submit({ resources: { cpu: 1 } }, { resources: { cpu: 1 } });
      const at = (nowMs: number) =>
        stores.assignments
          .assign([{ nodeId: node.nodeId, businessId, limit: 1, nowMs, leaseExpiresAtMs: nowMs + 1 }])
          .then(([assigned = []]) => assigned);
      const submittedAtMs = idTimeMs(large?.jobId ?? "");
      expect((await at(submittedAtMs + 1_000))[0]?.job.manifest.resources.cpu).toBe(1);
      expect(await at(submittedAtMs + 600_000)).toEqual([]);
    });

    test("a draining, offline or signed-out node and a node of another business get nothing", async () => {
      await submit({});
      const draining = await register();
      await stores.nodes.update(businessId, draining.nodeId, { draining: true });
      const offline = await register();
      await stores.nodes.markStale(AT_MS + 1);
      await stores.nodes.heartbeat(draining.nodeId, AT_MS + 2, { suspended: false }, speaker);
      const signedOut = await register();
      expect(await stores.nodes.endAccess(signedOut.sessionId)).toMatchObject([{ nodeId: signedOut.nodeId }]);
      const stranger = nodeOf(newId("biz"));
      await stores.nodes.insert(stranger);
      for (const node of [draining, offline, signedOut, stranger]) expect(await assign(node)).toEqual([]);
    });

    test("a result is applied once, and a repeated result is answered as a repeat", async () => {
      const [job] = await submit({});
      const node = await register();
      const [assigned] = await assign(node);
      const executionId = assigned?.execution.executionId ?? "";
      expect(await report(node.nodeId, executionId, "RUNNING")).toBe("applied");
      const outcomes = await Promise.all(
        Array.from({ length: 20 }, () => report(node.nodeId, executionId, "SUCCEEDED", 0)),
      );
      expect(outcomes.filter((outcome) => outcome === "applied").length).toBe(1);
      expect(outcomes.filter((outcome) => outcome === "repeated").length).toBe(19);
      const stored = await stores.jobs.find(businessId, job?.jobId ?? "");
      expect(stored).toMatchObject({ status: "SUCCESS", attempt: 1, end: { exitCode: 0 } });
    });

    test("a report with an outdated fencing token changes nothing", async () => {
      const [job] = await submit({});
      const node = await register();
      const [first] = await assign(node);
      const old = first?.execution.executionId ?? "";
      const [released] = await stores.jobs.change([
        { key: { executionId: old, nodeId: node.nodeId }, decide: (state) => releaseLease(state, AT_MS + 1) },
      ]);
      expect(released?.status).toBe("QUEUED");
      const [second] = await assign(node);
      for (const status of ["RUNNING", "SUCCEEDED", "FAILED"] as const) {
        expect(await report(node.nodeId, old, status)).toBe("stale");
      }
      const stored = await stores.jobs.find(businessId, job?.jobId ?? "");
      expect(stored).toMatchObject({
        status: "ASSIGNED",
        executionId: second?.execution.executionId,
        attempt: 2,
        retryCount: 0,
      });
    });

    test("a report from a node that does not own the execution is stale", async () => {
      await submit({});
      const [mine, other] = [await register(), await register()];
      const [assigned] = await assign(mine);
      expect(await report(other.nodeId, assigned?.execution.executionId ?? "", "SUCCEEDED")).toBe("stale");
    });

    test("a failed job with retries left waits for its retry time and can be claimed after it", async () => {
      const [job] = await submit({ maxRetries: 1 });
      const node = await register();
      const [assigned] = await assign(node);
      await report(node.nodeId, assigned?.execution.executionId ?? "", "FAILED", 1);
      const waiting = await stores.jobs.find(businessId, job?.jobId ?? "");
      expect(waiting).toMatchObject({ status: "QUEUED", retryCount: 1, end: { exitCode: 1 } });
      expect(await assign(node)).toEqual([]);
      const early = await stores.jobs.promoteDue(AT_MS);
      expect(early).toEqual({ businessIds: [], groups: [], nextDueAtMs: waiting?.notBeforeMs });
      const due = await stores.jobs.promoteDue(waiting?.notBeforeMs ?? 0);
      expect(due).toEqual({ businessIds: [businessId], groups: [], nextDueAtMs: undefined });
      expect((await assign(node)).length).toBe(1);
    });

    test("a queued job that waits too long is found when it is due, and no earlier", async () => {
      const job = { ...jobOf(businessId), queueDeadlineMs: AT_MS + 5 };
      await stores.jobs.insert([{ job, idempotency: undefined }]);
      expect(await stores.jobs.expiring(AT_MS + 4)).toEqual({ due: [], nextDueAtMs: AT_MS + 5 });
      expect(await stores.jobs.expiring(AT_MS + 5)).toEqual({
        due: [{ jobId: job.jobId, businessId }],
        nextDueAtMs: undefined,
      });
      const [expired] = await stores.jobs.change([
        { key: { jobId: job.jobId, businessId }, decide: (state) => expireQueued(state, AT_MS + 5) },
      ]);
      expect(expired).toMatchObject({ status: "TIMEOUT", end: { reason: "QueueExpired" } });
      expect(await assign(await register())).toEqual([]);
    });

    test("an assignment that its node started at the last moment is not taken back", async () => {
      await submit({});
      const node = await register();
      const [assigned] = await assign(node);
      const key = { executionId: assigned?.execution.executionId ?? "", nodeId: node.nodeId };
      expect(await report(node.nodeId, key.executionId, "RUNNING")).toBe("applied");
      const [released] = await stores.jobs.change([
        { key, decide: (state) => releaseLease(state, AT_MS + 3_600_000) },
      ]);
      expect(released).toBeUndefined();
      expect(await report(node.nodeId, key.executionId, "SUCCEEDED", 0)).toBe("applied");
    });

    test("an assignment that is not started within its startTimeoutSeconds is a failed attempt, not a lost one", async () => {
      await submit({ startTimeoutSeconds: 60, maxRetries: 1 });
      const node = await register();
      const [assigned] = await assign(node);
      expect(assigned?.execution.leaseExpiresAtMs).toBe(AT_MS + 60_000);
      const key = { executionId: assigned?.execution.executionId ?? "", nodeId: node.nodeId };
      const [early] = await stores.jobs.change([
        { key, decide: (state) => releaseLease(state, AT_MS + 59_999) },
      ]);
      expect(early).toBeUndefined();
      const [late] = await stores.jobs.change([
        { key, decide: (state) => releaseLease(state, AT_MS + 60_000) },
      ]);
      expect(late).toMatchObject({ status: "QUEUED", retryCount: 1, end: { reason: "StartTimeout" } });
    });

    test("a renewed lease is stored", async () => {
      await submit({});
      const node = await register();
      const [assigned] = await assign(node);
      const key = { executionId: assigned?.execution.executionId ?? "", nodeId: node.nodeId };
      await stores.jobs.change([{ key, decide: (state) => renewLease(state, AT_MS + 90_000) }]);
      expect((await stores.executions.nextDue()).leaseAtMs).toBe(AT_MS + 90_000);
    });

    test("50 concurrent inserts with one key create one job; a different body with the key creates none", async () => {
      const idempotency = { key: "k", bodyHash: "same" };
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () => stores.jobs.insert([{ job: jobOf(businessId), idempotency }])),
      );
      const kinds = outcomes.flat().map((outcome) => outcome.kind);
      expect(kinds.filter((kind) => kind === "created").length).toBe(1);
      expect(kinds.filter((kind) => kind === "existing").length).toBe(49);
      const other = await stores.jobs.insert([
        { job: jobOf(businessId), idempotency: { key: "k", bodyHash: "other" } },
      ]);
      expect(other).toEqual([{ kind: "key-reused" }]);
      const elsewhere = await stores.jobs.insert([{ job: jobOf(newId("biz")), idempotency }]);
      expect(elsewhere[0]?.kind).toBe("created");
      const by = jobOf(businessId);
      const used = ["k", "other"].map((key) => stores.jobs.isKeyUsed(by, key));
      expect(await Promise.all(used)).toEqual([true, false]);
      expect(await stores.jobs.isKeyUsed({ ...by, businessId: newId("biz") }, "k")).toBe(false);
    });

    test("records of another business are not found", async () => {
      const [job] = await submit({});
      const node = await register();
      const [assigned] = await assign(node);
      const stranger = newId("biz");
      expect(await stores.jobs.find(stranger, job?.jobId ?? "")).toBeUndefined();
      expect(await stores.nodes.find(stranger, node.nodeId)).toBeUndefined();
      expect(await stores.nodes.update(stranger, node.nodeId, { draining: true })).toBeUndefined();
      expect(await stores.executions.find(stranger, assigned?.execution.executionId ?? "")).toBeUndefined();
      const [seen] = await stores.jobs.change([
        {
          key: { businessId: stranger, jobId: job?.jobId ?? "" },
          decide: (state) => ({ result: state !== undefined }),
        },
      ]);
      expect(seen).toBe(false);
    });

    test("the store sorts lists newest first, filters and pages them", async () => {
      const jobs = await submit({ name: "a" }, { name: "b", labels: { "x.y/z": "1" } }, { name: "a" });
      const query = {
        businessId,
        status: undefined,
        name: undefined,
        labels: undefined,
        beforeJobId: undefined,
        limit: 10,
      };
      const ids = async (filter: object) =>
        (await stores.jobs.list({ ...query, ...filter })).map((job) => job.jobId);
      const [first, second, third] = jobs.map((job) => job.jobId);
      expect(await ids({})).toEqual([third, second, first] as string[]);
      expect(await ids({ name: "a" })).toEqual([third, first] as string[]);
      expect(await ids({ labels: { "x.y/z": "1" } })).toEqual([second] as string[]);
      expect(await ids({ limit: 1, beforeJobId: third })).toEqual([second] as string[]);
      expect(await ids({ status: ["RUNNING"] })).toEqual([]);
    });

    test("live executions are found by node, by expired lease and on offline nodes", async () => {
      await submit({}, {});
      const node = await register();
      const [one, two] = await assign(node);
      await report(node.nodeId, one?.execution.executionId ?? "", "RUNNING");
      const ids = async (filter: Parameters<ExecutionStore["live"]>[0]) =>
        (await stores.executions.live(filter)).map((live) => live.execution.executionId).sort();
      expect((await ids({ nodeId: node.nodeId })).length).toBe(2);
      expect(await ids({ leaseExpiredBeforeMs: AT_MS + 1 })).toEqual([two?.execution.executionId ?? ""]);
      expect(await ids({ onOfflineNodes: true })).toEqual([]);
      await stores.nodes.markStale(AT_MS + 1);
      expect((await ids({ onOfflineNodes: true })).length).toBe(2);
      expect((await stores.executions.countLive([node.nodeId])).get(node.nodeId)).toMatchObject({ live: 2 });
    });
  });
}
