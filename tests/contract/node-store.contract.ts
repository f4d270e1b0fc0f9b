import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { applyReport, giveUp } from "../../server/execution/rules.ts";
import { retried } from "../../server/job/job-rules.ts";
import { type NodeListQuery, nodeStatusOf, type Speaker } from "../../server/node/node-store.ts";
import { newId } from "../../shared/ids.ts";
import type { AgentRun, Capacity, NodeCondition } from "../../shared/node.ts";
import { waitFor } from "../support/wait.ts";
import { jobOf, nodeOf, speaker } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");

function runOf(): AgentRun {
  return { runId: crypto.randomUUID(), place: "place", machine: "machine", host: "hosta", pid: 1 };
}

/** What every store must do about the condition of nodes, who speaks for them, their GPUs, and jobs that kill agents. */
export function nodeStoreContract(name: string, open: () => Promise<ControlPlaneStores>): void {
  describe(`${name}: nodes`, () => {
    let stores: ControlPlaneStores;
    let businessId: string;

    beforeEach(async () => {
      stores = await open();
      businessId = newId("biz");
    });
    afterEach(() => stores.close());

    const submit = async (...manifests: Parameters<typeof jobOf>[1][]) => {
      const jobs = manifests.map((manifest) => jobOf(businessId, manifest));
      await stores.jobs.insert(jobs.map((job) => ({ job, idempotency: undefined })));
      return jobs;
    };
    const register = async (capacity: Partial<Capacity> = {}) => {
      const node = nodeOf(businessId, capacity);
      await stores.nodes.insert(node);
      return node;
    };
    const assign = async (nodeId: string, limit = 100) => {
      const request = { nodeId, businessId, limit, nowMs: AT_MS, leaseExpiresAtMs: AT_MS + 60_000 };
      return (await stores.assignments.assign([request]))[0] ?? [];
    };
    const statuses = async () => {
      const every = { businessId, beforeNodeId: undefined, limit: 10 };
      const wanted = ["ACTIVE", "DRAINING", "SUSPENDED", "OFFLINE"] as const;
      const lists = wanted.map((status) => stores.nodes.list({ ...every, status: [status] }));
      const found = await Promise.all(lists);
      return wanted.filter((_, i) => found[i]?.length === 1);
    };

    test("a heartbeat replaces the node's condition", async () => {
      const { nodeId } = await register();
      const conditions: NodeCondition[] = [
        { suspended: true },
        { suspended: false, refusing: "the disk is full" },
        { suspended: false },
      ];
      for (const condition of conditions) {
        const heard = await stores.nodes.heartbeat(nodeId, AT_MS + 1, condition, speaker);
        expect(heard?.condition).toEqual(condition);
        expect((await stores.nodes.find(businessId, nodeId))?.condition).toEqual(condition);
      }
    });

    test("a list has the nodes whose name, pool and labels are the wanted ones", async () => {
      const add = async (name: string, pool: string, labels: Record<string, string>) => {
        const node = nodeOf(businessId, {});
        await stores.nodes.insert({ ...node, description: { ...node.description, name, pool, labels } });
      };
      await add("rack-1", "farm", { "gpu.vendor": "nvidia", disk: "ssd" });
      await add("rack-10", "farm", { "gpu.vendor": "amd" });
      await add("laptop", "default", { disk: "ssd" });
      const list = async (filter: Pick<NodeListQuery, "name" | "pool" | "labels">) => {
        const query = { businessId, status: undefined, beforeNodeId: undefined, limit: 10, ...filter };
        return (await stores.nodes.list(query)).map((node) => node.description.name).sort();
      };
      expect(await list({ name: "rack-1" })).toEqual(["rack-1"]);
      expect(await list({ name: "rack-*" })).toEqual(["rack-1", "rack-10"]);
      expect(await list({ pool: "farm", labels: { "gpu.vendor": "amd" } })).toEqual(["rack-10"]);
      expect(await list({ labels: { "gpu.vendor": "nvidia", disk: "ssd" } })).toEqual(["rack-1"]);
      expect(await list({ labels: { disk: "$description" } })).toEqual([]);
    });

    test("offline overrides draining, and draining overrides suspended, also in lists", async () => {
      const { nodeId } = await register();
      const asleep = { suspended: true };
      expect(await statuses()).toEqual(["ACTIVE"]);
      await stores.nodes.heartbeat(nodeId, AT_MS, asleep, speaker);
      expect(await statuses()).toEqual(["SUSPENDED"]);
      await stores.nodes.update(businessId, nodeId, { draining: true });
      expect(await statuses()).toEqual(["DRAINING"]);
      await stores.nodes.markStale(AT_MS + 1);
      expect(await statuses()).toEqual(["OFFLINE"]);
      const back = await stores.nodes.heartbeat(nodeId, AT_MS + 2, asleep, speaker);
      expect(back && nodeStatusOf(back)).toBe("DRAINING");
    });

    test("a suspended node gets jobs; a node that refuses work gets none until it stops refusing", async () => {
      await submit({}, {});
      const { nodeId } = await register();
      await stores.nodes.heartbeat(
        nodeId,
        AT_MS,
        { suspended: false, refusing: "the disk is full" },
        speaker,
      );
      expect(await assign(nodeId)).toEqual([]);
      await stores.nodes.heartbeat(nodeId, AT_MS, { suspended: true }, speaker);
      expect((await assign(nodeId)).length).toBe(2);
    });

    test("a node that begins to refuse work during an assignment gets whole assignments or none", async () => {
      const jobs = await submit(...Array.from({ length: 40 }, () => ({})));
      const { nodeId } = await register({ slots: 100 });
      const refusing = { suspended: false, refusing: "the clock is wrong" };
      const claims = Array.from({ length: 8 }, () => assign(nodeId, 3));
      const [heard] = await Promise.all([
        stores.nodes.heartbeat(nodeId, AT_MS, refusing, speaker),
        ...claims,
      ]);
      expect(heard?.condition).toEqual(refusing);
      expect(await assign(nodeId)).toEqual([]);
      await stores.nodes.heartbeat(nodeId, AT_MS, { suspended: false }, speaker);
      // A failed attempt unlocks the node immediately, not when its lock expires.
      await waitFor(
        "every job to be handed out",
        async () => {
          await assign(nodeId);
          return (await stores.executions.live({ nodeId })).length === jobs.length;
        },
        { timeoutMs: 4_000 },
      );
    });

    test("if many calls register a node with the same key at once, each business and user gets one node", async () => {
      const key = crypto.randomUUID();
      const insert = (business: string) => stores.nodes.insert(nodeOf(business), key);
      const inserted = await Promise.all(Array.from({ length: 8 }, () => insert(businessId)));
      expect(new Set(inserted.map((node) => node.nodeId)).size).toBe(1);
      expect((await insert(newId("biz"))).nodeId).not.toBe(inserted[0]?.nodeId ?? "");
      const carls = { ...nodeOf(businessId), userId: "carl" };
      expect((await stores.nodes.insert(carls, key)).nodeId).toBe(carls.nodeId);
      await register();
      await register();
      const every = { businessId, status: undefined, beforeNodeId: undefined, limit: 10 };
      expect(await stores.nodes.list(every)).toHaveLength(4);
    });

    test("only a caller with the node's key and current run can send heartbeats, leave and get jobs", async () => {
      await submit({}, {});
      const node = await register();
      const { nodeId } = node;
      const runs = [runOf(), runOf()] as const;
      const by = (run: AgentRun | undefined, keyHash = speaker.keyHash) => ({ keyHash, runId: run?.runId });
      const asks = async (caller: Speaker) => {
        const times = { nowMs: AT_MS, leaseExpiresAtMs: AT_MS + 1 };
        const request = { nodeId, businessId, by: caller, limit: 1, ...times };
        const given = (await stores.assignments.assign([request]))[0] ?? [];
        const heard = await stores.nodes.heartbeat(nodeId, AT_MS, { suspended: false }, caller);
        return [given.length, heard?.run] as const;
      };
      for (const [i, run] of runs.entries()) {
        const before = { runId: runs[i - 1]?.runId };
        const taken = await stores.nodes.update(businessId, nodeId, { run }, before);
        expect(taken?.run).toEqual(run);
        expect((await stores.nodes.find(businessId, nodeId))?.run).toEqual(run);
        // A caller that saw an earlier run changes nothing.
        expect(await stores.nodes.update(businessId, nodeId, { run: runOf() }, before)).toBeUndefined();
        for (const other of [by(undefined), by(runOf()), by(run, "old key"), by(runs[i - 1] ?? runOf())]) {
          expect(await asks(other)).toEqual([0, undefined]);
          expect(await stores.nodes.leave(businessId, nodeId, other)).toBe(false);
        }
        expect(await asks(by(run))).toEqual([1, run]);
      }
      // An agent that does not identify its run can take the node too.
      await stores.nodes.update(businessId, nodeId, { run: undefined });
      expect((await asks(by(runs[1])))[1]).toBeUndefined();
      expect(await stores.nodes.heartbeat(nodeId, AT_MS, { suspended: false }, speaker)).toBeDefined();
    });

    test("of many who replace a key at the same time one does, and a new registration forgets the key before", async () => {
      const { nodeId, keyHash } = await register();
      const replace = (hash: string) => {
        const change = { keyHash: hash, keyIssuedAtMs: AT_MS, replacedKey: { hash: keyHash, byNode: true } };
        return stores.nodes.update(businessId, nodeId, change, { keyHash });
      };
      const replaced = await Promise.all(["a", "b", "c", "d"].map(replace));
      expect(replaced.filter(Boolean)).toHaveLength(1);
      const winner = replaced.find(Boolean);
      expect(await stores.nodes.find(businessId, nodeId)).toEqual(winner as NonNullable<typeof winner>);
      expect(winner).toMatchObject({ keyIssuedAtMs: AT_MS, replacedKey: { hash: keyHash, byNode: true } });
      const again = { keyHash: "again", replacedKey: undefined };
      expect((await stores.nodes.update(businessId, nodeId, again))?.replacedKey).toBeUndefined();
      expect((await stores.nodes.find(businessId, nodeId))?.replacedKey).toBeUndefined();
    });

    test("no job is handed out after the node's run or key has changed or its access has ended", async () => {
      await submit(...Array.from({ length: 60 }, () => ({})));
      const ends = [
        (nodeId: string) => stores.nodes.update(businessId, nodeId, { run: runOf() }),
        (nodeId: string) => stores.nodes.update(businessId, nodeId, { keyHash: "new" }),
        (nodeId: string) => stores.nodes.endAccess(nodeId),
      ];
      for (let round = 0; round < 12; round++) {
        const node = { ...nodeOf(businessId), run: runOf() };
        const { nodeId } = node;
        await stores.nodes.insert({ ...node, sessionId: nodeId });
        const by = { keyHash: node.keyHash, runId: node.run.runId };
        let isOver = false;
        let late = 0;
        const claim = async () => {
          const begunAfter = isOver;
          const request = { nodeId, businessId, by, limit: 2, nowMs: AT_MS, leaseExpiresAtMs: AT_MS + 1 };
          const given = (await stores.assignments.assign([request]))[0] ?? [];
          if (begunAfter) late += given.length;
        };
        const end = async () => {
          await ends[round % ends.length]?.(nodeId);
          isOver = true;
          await claim();
        };
        await Promise.all([claim(), claim(), end(), claim()]);
        expect(late).toBe(0);
      }
    });

    test("a name is taken until its node is removed; a machine's nodes are those that are not offline", async () => {
      const add = async (name: string, machine: string | undefined, business = businessId) => {
        const node = nodeOf(business);
        const run = machine === undefined ? undefined : { ...runOf(), machine };
        const added = { ...node, description: { ...node.description, name }, run };
        await stores.nodes.insert(added);
        return { nodeId: node.nodeId, by: { keyHash: node.keyHash, runId: run?.runId } };
      };
      const machine = crypto.randomUUID();
      const first = await add("vm", machine);
      const second = await add("vm-2", machine);
      await add("vm-3", crypto.randomUUID());
      await add("old", undefined);
      await add("other", machine, newId("biz"));
      const taken = async () =>
        (await stores.nodes.takenNames(businessId, ["vm", "vm-2", "other", "x"])).sort();
      const onMachine = async () =>
        (await stores.nodes.onMachine(businessId, machine)).map((node) => node.nodeId).sort();
      expect(await taken()).toEqual(["vm", "vm-2"]);
      expect(await onMachine()).toEqual([first.nodeId, second.nodeId].sort());
      await stores.nodes.leave(businessId, first.nodeId, first.by);
      expect(await taken()).toEqual(["vm", "vm-2"]);
      expect(await onMachine()).toEqual([second.nodeId]);
      await stores.nodes.remove(businessId, first.nodeId, AT_MS);
      expect(await taken()).toEqual(["vm-2"]);
    });

    test("grants and pending requests are stored with the node, and removed with it", async () => {
      const { nodeId } = await register();
      const grants = { pools: ["a", "b"], labels: { disk: "ssd" }, slots: 4 };
      const ungranted = { pool: "c", labels: { gpu: "x" } };
      await stores.nodes.update(businessId, nodeId, { grants, ungranted });
      expect(await stores.nodes.find(businessId, nodeId)).toMatchObject({ grants, ungranted });
      await stores.nodes.update(businessId, nodeId, { ungranted: undefined });
      const after = await stores.nodes.find(businessId, nodeId);
      expect([after?.grants, after?.ungranted]).toEqual([grants, undefined]);
    });

    test("only an offline node can be removed, and only once: no list has it and nobody speaks for it, but its record is kept", async () => {
      const { nodeId, description } = await register();
      expect(await stores.nodes.remove(businessId, nodeId, AT_MS)).toBe(false);
      await stores.nodes.leave(businessId, nodeId, speaker);
      expect(await stores.nodes.remove(newId("biz"), nodeId, AT_MS)).toBe(false);
      const removed = await Promise.all([1, 2, 3].map(() => stores.nodes.remove(businessId, nodeId, AT_MS)));
      expect(removed.filter(Boolean)).toHaveLength(1);
      expect(await statuses()).toEqual([]);
      const every = { businessId, status: undefined, beforeNodeId: undefined, limit: 10 };
      expect(await stores.nodes.list(every)).toEqual([]);
      expect(await stores.nodes.heartbeat(nodeId, AT_MS, { suspended: false }, speaker)).toBeUndefined();
      expect(await stores.nodes.update(businessId, nodeId, { draining: true })).toBeUndefined();
      const kept = await stores.nodes.find(businessId, nodeId);
      expect(kept).toMatchObject({ removedAtMs: AT_MS, offline: true, description });
    });

    test("a node that leaves while it is handed a job is offline or has the job, never both", async () => {
      for (let round = 0; round < 12; round++) {
        await submit({});
        const { nodeId } = await register();
        const calls = [() => assign(nodeId, 1), () => stores.nodes.leave(businessId, nodeId, speaker)];
        await Promise.all((round % 2 ? calls : calls.toReversed()).map((call) => call()));
        const isOffline = (await stores.nodes.find(businessId, nodeId))?.offline;
        const live = await stores.executions.live({ nodeId });
        expect(live).toHaveLength(isOffline ? 0 : 1);
        expect(await stores.nodes.leave(newId("biz"), nodeId, speaker)).toBe(false);
      }
    });

    test("two live executions never share a GPU, however often the node re-registers with other numbers", async () => {
      const asksForOne = { resources: { gpuCount: 1 } };
      await submit(...Array.from({ length: 60 }, () => asksForOne));
      const node = await register({ gpuCount: 4 });
      const { nodeId } = node;
      for (const gpuCount of [4, 2, 1, 3, 0, 4, 8]) {
        const capacity = { ...node.description.capacity, gpuCount };
        const description = { ...node.description, capacity };
        await Promise.all([
          ...Array.from({ length: 4 }, () => assign(nodeId, 2)),
          stores.nodes.update(businessId, nodeId, { description }),
          ...Array.from({ length: 4 }, () => assign(nodeId, 2)),
        ]);
        const held = (await stores.executions.live({ nodeId })).flatMap((one) => one.execution.gpuIndexes);
        expect(new Set(held).size).toBe(held.length);
        const [first] = await stores.executions.live({ nodeId });
        if (first) await end(first.execution.executionId, nodeId);
      }
      await assign(nodeId);
      const held = (await stores.executions.live({ nodeId })).flatMap((one) => one.execution.gpuIndexes);
      expect(held.sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
    });

    test("a node whose limit was lowered below its usage takes no GPU jobs, but still takes other jobs", async () => {
      const node = await register({ gpuCount: 3 });
      const { nodeId } = node;
      await submit(...Array.from({ length: 3 }, () => ({ resources: { gpuCount: 1 } })));
      const held = await assign(nodeId);
      expect(held.map(({ execution }) => execution.gpuIndexes)).toEqual([[0], [1], [2]]);
      const capacity = { ...node.description.capacity, gpuCount: 1 };
      await stores.nodes.update(businessId, nodeId, { description: { ...node.description, capacity } });
      const [gpu, plain] = await submit({ resources: { gpuCount: 1 } }, {});
      expect((await assign(nodeId)).map(({ job }) => job.jobId)).toEqual([plain?.jobId ?? ""]);
      // Free GPUs below the new limit are still used while more than the limit is in use.
      for (const { execution } of held.slice(0, 2)) await end(execution.executionId, nodeId);
      expect(await assign(nodeId)).toEqual([]);
      await end(held[2]?.execution.executionId ?? "", nodeId);
      const [next] = await assign(nodeId);
      expect(next?.job.jobId).toBe(gpu?.jobId ?? "");
      expect(next?.execution.gpuIndexes).toEqual([0]);
    });

    test("a job whose agent died three times is over; after a manual retry the count starts again", async () => {
      const { nodeId } = await register();
      const [job] = await submit({ maxRetries: 100, retryOn: ["AgentRestarted", "NodeLost"] });
      const jobId = job?.jobId ?? "";
      const dieOnce = async (reason: "AgentRestarted" | "NodeLost") => {
        const [assigned] = await assign(nodeId);
        const executionId = assigned?.execution.executionId ?? "";
        const key = { executionId, nodeId };
        await stores.jobs.change([{ key, decide: (state) => giveUp(state, reason, "It died.", AT_MS) }]);
        const after = await stores.jobs.find(businessId, jobId);
        if (after?.notBeforeMs !== undefined) await stores.jobs.promoteDue(after.notBeforeMs);
        return after;
      };
      expect(await dieOnce("AgentRestarted")).toMatchObject({ status: "QUEUED", agentDeaths: 1 });
      expect(await dieOnce("NodeLost")).toMatchObject({ status: "QUEUED", agentDeaths: 1, lostCount: 2 });
      expect(await dieOnce("AgentRestarted")).toMatchObject({ status: "QUEUED", agentDeaths: 2 });
      const message = "It died. Its agent died 3 times while running it, so it is not tried again.";
      const over = await dieOnce("AgentRestarted");
      expect(over).toMatchObject({ status: "FAILED", end: { reason: "AgentRestarted", message } });
      const [again] = await stores.jobs.change([
        {
          key: { jobId, businessId },
          decide: (state) => {
            const next = state && retried(state.job, AT_MS, false);
            return { job: next, result: next };
          },
        },
      ]);
      expect(again).toMatchObject({ status: "QUEUED", agentDeaths: 0 });
      expect(await dieOnce("AgentRestarted")).toMatchObject({ status: "QUEUED", agentDeaths: 1 });
    });

    const end = async (executionId: string, nodeId: string) => {
      const report = { executionId, status: "SUCCEEDED" as const, at: new Date(AT_MS).toISOString() };
      const key = { executionId, nodeId };
      const [ended] = await stores.jobs.change([
        { key, decide: (state) => applyReport(state, report, AT_MS) },
      ]);
      expect(ended?.outcome).toBe("applied");
    };
  });
}
