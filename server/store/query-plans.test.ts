import type { SQLQueryBindings } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import type { OverlapPolicy } from "../../shared/schedule/schedule.ts";
import { sqliteMigrations } from "../compose/open-sqlite.ts";
import { SqliteExecutionStore } from "../execution/execution-store.sqlite.ts";
import { SqliteJobFlowStore } from "../job/flow-store.sqlite.ts";
import { SqliteScheduleStore } from "../schedule/schedule-store.sqlite.ts";
import { SqliteStore } from "./sqlite.ts";

/** Records which indexes its reads use. */
class ExplainingStore extends SqliteStore {
  /** Undefined while no test asks. */
  plans: string[] | undefined;

  override all<Row>(sql: string, bindings: Record<string, SQLQueryBindings> = {}): Row[] {
    if (this.plans) {
      const steps = super.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, bindings);
      this.plans.push(...steps.map((step) => step.detail));
    }
    return super.all(sql, bindings);
  }
}

const store = new ExplainingStore(":memory:", sqliteMigrations);
const executions = new SqliteExecutionStore(store);
const flow = new SqliteJobFlowStore(store);
const schedules = new SqliteScheduleStore(store);

afterAll(() => store.close());

async function planOf(read: () => Promise<unknown>): Promise<string> {
  const plans: string[] = [];
  store.plans = plans;
  await read();
  return plans.join("; ");
}

const everything = { businessId: "biz", jobId: undefined, nodeId: undefined, status: undefined };
const firstPage = { ...everything, beforeExecutionId: undefined, limit: 10 };

test("the executions of one job or node are found without reading all others of the business", async () => {
  const ofJob = await planOf(() => executions.list({ ...firstPage, jobId: "job" }));
  expect(ofJob).toContain("compute_executions_by_job (job_id=?)");
  const ofNode = await planOf(() => executions.list({ ...firstPage, nodeId: "node" }));
  expect(ofNode).toContain("compute_executions_by_node (node_id=?)");
  const ofBoth = await planOf(() => executions.list({ ...firstPage, jobId: "job", nodeId: "node" }));
  expect(ofBoth).not.toContain("compute_executions_by_age");
  const ofAll = await planOf(() => executions.list(firstPage));
  expect(ofAll).toContain("compute_executions_by_age (business_id=?)");
});

const planOfChange = async (overlap: OverlapPolicy) => {
  await schedules.insert({
    scheduleId: overlap,
    businessId: "biz",
    userId: "usr",
    name: undefined,
    status: "ACTIVE",
    cron: "@daily",
    timeZone: "UTC",
    overlap,
    misfire: "once",
    misfireWindowSeconds: 0,
    jitterSeconds: 0,
    work: { template: "t", parameters: {} },
    pauseReason: undefined,
    nextDueAtMs: 1,
    nextFireAtMs: 1,
    lastDueAtMs: undefined,
    fireCount: 0,
    createdAtMs: 0,
  });
  return planOf(() => schedules.change({ scheduleId: overlap }, (state) => ({ result: state?.liveJobIds })));
};

test("the unfinished jobs of one schedule are found without reading all others of the business", async () => {
  expect(await planOfChange("forbid")).toContain("compute_jobs_by_schedule (schedule_id=? AND status=?)");
});

test("a schedule whose fires may overlap reads none of its jobs, because there may be any number", async () => {
  expect(await planOfChange("allow")).not.toContain("compute_jobs");
});

test("the progress of an array is read from an index alone, because it is read whenever one of its jobs ends", async () => {
  const plan = await planOf(() => flow.arrayProgress("job"));
  expect(plan).toContain("COVERING INDEX compute_jobs_array_status (array_id=?)");
});
