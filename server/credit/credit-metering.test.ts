import { afterEach, beforeEach, expect, test } from "bun:test";
import type { ExecutionReport } from "../../shared/node.ts";
import { jobOf, nodeOf } from "../../tests/contract/control-plane.contract.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { composeCredits, meteringTask } from "../compose/credits.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import type { Stores } from "../compose/stores.ts";
import { ExecutionService } from "../execution/execution-service.ts";
import type { Assigned } from "../execution/execution-store.ts";
import type { JobRecord } from "../job/job-record.ts";
import type { NodeRecord } from "../node/node-store.ts";
import { isSound } from "./credit-store.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const MONTHLY = 30_000_000;
/** $9 an hour for one core. */
const price = { vcpuSecondMicroUsd: 2_500, gibSecondMicroUsd: 0, gpuSecondMicroUsd: 0 };
const HOUR_MICRO_USD = 9_000_000;
const BUSINESS = "biz";

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(async () => {
  const audits = await world.stores.credits.audit();
  await world.close();
  expect(audits.filter((audit) => !isSound(audit))).toEqual([]);
});

test("an hour is set aside at first, and another hour shortly before it is over", async () => {
  await world.running();
  expect((await world.account()).reservedMicroUsd).toBe(HOUR_MICRO_USD);
  const next = await world.tick(0);
  expect(next).toBe(world.nowMs + 55 * MINUTE_MS);
  await world.tick(54 * MINUTE_MS);
  expect((await world.account()).reservedMicroUsd).toBe(HOUR_MICRO_USD);
  await world.tick(MINUTE_MS);
  const perMinute = HOUR_MICRO_USD / 60;
  expect((await world.account()).reservedMicroUsd).toBe(HOUR_MICRO_USD + 55 * perMinute);
});

test("a job with a time limit never has more set aside than its limit and grace cost", async () => {
  await world.running({ timeoutSeconds: 1_790, graceSeconds: 10 });
  expect((await world.account()).reservedMicroUsd).toBe(HOUR_MICRO_USD / 2);
  expect(await world.tick(29 * MINUTE_MS)).toBeUndefined();
  expect((await world.account()).reservedMicroUsd).toBe(HOUR_MICRO_USD / 2);
});

test("a job without credit left is ended, and is charged what there was", async () => {
  const { assigned, node } = await world.running();
  for (let i = 0; i < 3; i++) await world.tick(56 * MINUTE_MS);
  // The rest does not pay for another whole hour, so all of it is set aside.
  expect(await world.account()).toMatchObject({ monthlyMicroUsd: 0, reservedMicroUsd: MONTHLY });
  expect((await world.job(assigned)).status).toBe("RUNNING");
  const orders: string[] = [];
  world.bus.subscribe("node", ({ nodeId }) => void orders.push(nodeId));
  await world.tick(HOUR_MS);
  expect(await world.job(assigned)).toMatchObject({ status: "FAILED", end: { reason: "CreditExhausted" } });
  expect(orders).toEqual([node.nodeId]);
  await waitFor("the settlement", async () => (await world.account()).reservedMicroUsd === 0);
  expect(await world.account()).toMatchObject({ monthlyMicroUsd: 0, lastingMicroUsd: 0 });
  const { jobId } = assigned.job;
  expect(await world.stores.credits.costs(BUSINESS, [jobId])).toEqual(new Map([[jobId, MONTHLY]]));
});

test("an ending that nobody reported to metering is found and settled once", async () => {
  const { assigned, node } = await world.running();
  const blind = new ExecutionService({
    jobs: world.stores.jobs,
    artifacts: world.stores.artifacts,
    flow: world.flow,
    now: world.now,
    metering: {
      isFree: () => true,
      onAssigned: async () => ({ admitted: [], refused: [] }),
      onEnded: () => undefined,
    },
  });
  world.nowMs += 10 * MINUTE_MS;
  await blind.report(node, [world.reportOf(assigned, "SUCCEEDED")]);
  expect((await world.account()).reservedMicroUsd).toBe(HOUR_MICRO_USD);
  await Promise.all([world.tick(0), world.tick(0), world.tick(0)]);
  expect(await world.account()).toMatchObject({
    reservedMicroUsd: 0,
    monthlyMicroUsd: MONTHLY - HOUR_MICRO_USD / 6,
  });
});

test("a new price does not change the cost of running jobs", async () => {
  const { assigned, node } = await world.running();
  world.pricing.set("cloud", { sku: "std", price: { ...price, vcpuSecondMicroUsd: 1_000_000 } });
  world.nowMs += 30 * MINUTE_MS;
  await world.service.report(node, [world.reportOf(assigned, "SUCCEEDED")]);
  await waitFor("the settlement", async () => (await world.account()).reservedMicroUsd === 0);
  expect((await world.account()).monthlyMicroUsd).toBe(MONTHLY - HOUR_MICRO_USD / 2);
});

test("a refused assignment goes back to the queue, waits longer each time, and leaves nothing set aside", async () => {
  for (let i = 0; i < 3; i++) await world.running();
  await world.submit();
  const waits: number[] = [];
  for (let round = 0; round < 7; round++) {
    const [assigned] = await world.assign();
    if (!assigned) throw new Error("nothing was assigned");
    expect(await world.service.admit([assigned])).toEqual([]);
    const job = await world.job(assigned);
    expect(job).toMatchObject({ status: "QUEUED", retryCount: 0 });
    expect(job.end?.message).toContain("$3.00 is available ($27.00 more is reserved)");
    waits.push(((job.notBeforeMs ?? 0) - world.nowMs) / 1_000);
    world.nowMs = job.notBeforeMs ?? 0;
    await world.stores.jobs.promoteDue(world.nowMs);
  }
  expect(waits).toEqual([30, 60, 120, 240, 480, 600, 600]);
  expect((await world.account()).reservedMicroUsd).toBe(3 * HOUR_MICRO_USD);
});

/** The parts of a server that metering needs, on a real store and with a clock that the test moves. */
class World {
  nowMs = Date.parse("2026-03-15T12:00:00Z");
  readonly now = () => this.nowMs;
  readonly stores: Stores = openSqliteStores(":memory:");
  readonly bus = new MemoryBus();
  readonly flow = { changed: async () => undefined };
  readonly pricing = new Map([["cloud", { sku: "std", price }]]);
  private readonly onError = (_: string, error: unknown) => Promise.reject(error);
  private readonly credits = composeCredits({
    ...this.stores,
    pricing: this.pricing,
    now: this.now,
    onError: this.onError,
    onChanged: () => undefined,
  });
  readonly service = new ExecutionService({
    jobs: this.stores.jobs,
    artifacts: this.stores.artifacts,
    flow: this.flow,
    now: this.now,
    metering: this.credits.metering,
  });
  private readonly task = meteringTask({
    metering: this.credits.metering,
    executionService: this.service,
    bus: this.bus,
  });
  private node: NodeRecord | undefined;

  /** Advances the clock and runs the task. Resolves with when the task wants to run again. */
  async tick(passedMs: number): Promise<number | undefined> {
    this.nowMs += passedMs;
    return (await this.task.runOnce(this.nowMs)).nextDueAtMs;
  }

  async submit(manifest: Parameters<typeof jobOf>[1] = {}): Promise<JobRecord> {
    const resources = { cpu: 1, memoryMb: 10 };
    const job = jobOf(BUSINESS, { pool: "cloud", resources, ...manifest });
    await this.stores.jobs.insert([{ job, idempotency: undefined }]);
    return job;
  }

  /** Assigns queued jobs to the node without asking what they cost. */
  async assign(): Promise<Assigned[]> {
    const { nodeId } = await this.someNode();
    const request = { nodeId, businessId: BUSINESS, limit: 1, nowMs: this.nowMs };
    const [assigned = []] = await this.stores.assignments.assign([
      { ...request, leaseExpiresAtMs: this.nowMs + MINUTE_MS },
    ]);
    return assigned;
  }

  async running(manifest: Parameters<typeof jobOf>[1] = {}) {
    await this.submit(manifest);
    const [assigned] = await this.service.admit(await this.assign());
    if (!assigned) throw new Error("nothing was admitted");
    const node = await this.someNode();
    await this.service.report(node, [this.reportOf(assigned, "RUNNING")]);
    return { assigned, node };
  }

  reportOf({ execution }: Assigned, status: ExecutionReport["status"]): ExecutionReport {
    return { executionId: execution.executionId, status, at: new Date(this.nowMs).toISOString() };
  }

  async account() {
    const nowMs = this.nowMs;
    const [outcome] = await this.stores.credits.post([
      { kind: "grantMonthly", businessId: BUSINESS, userId: "usr", nowMs },
    ]);
    if (!outcome) throw new Error("no outcome");
    return outcome.account;
  }

  async job({ job }: Assigned): Promise<JobRecord> {
    const found = await this.stores.jobs.find(BUSINESS, job.jobId);
    if (!found) throw new Error("the job is gone");
    return found;
  }

  async close(): Promise<void> {
    await this.bus.close();
    await this.stores.close();
  }

  private async someNode(): Promise<NodeRecord> {
    if (this.node) return this.node;
    const made = nodeOf(BUSINESS);
    this.node = { ...made, description: { ...made.description, pool: "cloud" } };
    await this.stores.nodes.insert(this.node);
    return this.node;
  }
}
