import type { SQLQueryBindings } from "bun:sqlite";
import { afterAll, expect, test } from "bun:test";
import type { OverlapPolicy } from "../../shared/schedule/schedule.ts";
import { SqliteArtifactStore } from "../artifact/artifact-store.sqlite.ts";
import { sqliteMigrations } from "../compose/open-sqlite.ts";
import { SqliteExecutionStore } from "../execution/execution-store.sqlite.ts";
import { SqliteJobFlowStore } from "../job/flow-store.sqlite.ts";
import { SqliteJobStore } from "../job/job-store.sqlite.ts";
import { SqliteScheduleStore } from "../schedule/schedule-store.sqlite.ts";
import { SqliteStatsStore } from "../stats/stats-store.sqlite.ts";
import { SqliteStore } from "./sqlite.ts";

/** Records which indexes its reads use. */
class ExplainingStore extends SqliteStore {
  /** Undefined while no test asks. */
  plans: string[] | undefined;

  override all<Row>(sql: string, bindings: Record<string, SQLQueryBindings> = {}): Row[] {
    this.explain(sql, bindings);
    return super.all(sql, bindings);
  }

  override get<Row>(sql: string, bindings: Record<string, SQLQueryBindings> = {}): Row | undefined {
    this.explain(sql, bindings);
    return super.get(sql, bindings);
  }

  private explain(sql: string, bindings: Record<string, SQLQueryBindings>): void {
    if (!this.plans) return;
    const steps = explainer.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, bindings);
    this.plans.push(...steps.map((step) => step.detail));
  }
}

// Apart from the store, because an explained change keeps a transaction around it from its end.
const explainer = new SqliteStore(":memory:", sqliteMigrations);
const store = new ExplainingStore(":memory:", sqliteMigrations);
const executions = new SqliteExecutionStore(store);
const flow = new SqliteJobFlowStore(store);
const schedules = new SqliteScheduleStore(store);
const jobs = new SqliteJobStore(store);
const artifacts = new SqliteArtifactStore(store);
const stats = new SqliteStatsStore(store);

afterAll(() => {
  store.close();
  explainer.close();
});

async function planOf(read: () => Promise<unknown>): Promise<string> {
  const plans: string[] = [];
  store.plans = plans;
  await read();
  return plans.join("; ");
}

const everything = { businessId: "biz", jobId: undefined, nodeId: undefined, status: undefined };
const firstPage = { ...everything, beforeExecutionId: undefined, limit: 10 };

test("the numbers of a business are counted in indexes", async () => {
  const plan = await planOf(() => stats.overview({ businessId: "biz", maxCount: 10, failedSinceMs: 0 }));
  expect(plan).toContain("COVERING INDEX compute_jobs_by_status (business_id=? AND status=?)");
  expect(plan).toContain("COVERING INDEX compute_jobs_failed (business_id=? AND finished_at>?)");
  expect(plan).toContain("INDEX compute_executions_shares (business_id=?)");
  expect(plan).toContain("compute_nodes_by_age (business_id=?)");
  expect(plan).not.toContain("SCAN compute_");
});

test("a list passes over the jobs of arrays, of other people and with other names in an index", async () => {
  const page = { businessId: "biz", status: undefined, name: undefined, labels: undefined, limit: 50 };
  const listed = { ...page, beforeJobId: undefined };
  expect(await planOf(() => jobs.list({ ...listed, topLevel: true }))).toContain(
    "COVERING INDEX compute_jobs_by_age (business_id=?)",
  );
  const failed = await planOf(() => jobs.list({ ...listed, topLevel: true, status: ["FAILED"] }));
  expect(failed).toContain("COVERING INDEX compute_jobs_by_status (business_id=? AND status=?)");
  for (const where of [{ search: "x" }, { userId: "u" }, { name: "a*b" }])
    expect(await planOf(() => jobs.list({ ...listed, ...where, topLevel: true }))).not.toMatch(
      /INDEX compute_jobs_by_name|(?<!COVERING )INDEX compute_jobs_by_age/,
    );
  expect(await planOf(() => jobs.list({ ...listed, nodeId: "n" }))).toContain("compute_jobs_of_node");
  const made = await planOf(() => jobs.list({ ...listed, templateId: "t", topLevel: true }));
  expect(made).toContain("compute_jobs_made_by_template (business_id=? AND template_id=?)");
  const fired = await planOf(() => jobs.list({ ...listed, scheduleId: "s", status: ["FAILED"] }));
  expect(fired).toMatch(/compute_jobs_made_by_schedule|compute_jobs_by_schedule/);
});

test("the executions of one job or node are found without reading all others of the business", async () => {
  const ofJob = await planOf(() => executions.list({ ...firstPage, jobId: "job" }));
  expect(ofJob).toContain("compute_executions_by_job (job_id=?)");
  const ofNode = await planOf(() => executions.list({ ...firstPage, nodeId: "node" }));
  expect(ofNode).toContain("compute_executions_by_node (node_id=?)");
  const running = await planOf(() => executions.list({ ...firstPage, nodeId: "node", status: ["RUNNING"] }));
  expect(running).toContain("compute_executions_live (node_id=?)");
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

test("no operation of the index of files reads all rows of a table", async () => {
  const digest = "0".repeat(64);
  const tree = { sha256: digest, size: 1, parts: [digest] };
  const wanted = {
    userId: "usr",
    businessId: "biz",
    kind: "upload",
    name: "n",
    type: "file",
    tree,
  } as const;
  const plans = [
    await planOf(() => artifacts.touchBlobs("biz", [digest], 1)),
    await planOf(() => artifacts.findBlobs("biz", [digest])),
    await planOf(() => artifacts.scanBlobs({ businessId: "biz", sha256: digest }, 1, 10)),
    await planOf(() => artifacts.deleteBlobs("biz", [digest], 1)),
    await planOf(() => artifacts.takeEmptyPacks(1, 10)),
    await planOf(() => artifacts.scanPacks("biz/pack", 10)),
    await planOf(() => artifacts.hold("biz", ["art"], 1)),
    await planOf(() => artifacts.find("biz", ["art"])),
    await planOf(() => artifacts.list({ businessId: "biz", limit: 10 })),
    await planOf(() => artifacts.list({ businessId: "biz", kind: "upload", beforeId: "art", limit: 10 })),
    await planOf(() => artifacts.list({ businessId: "biz", jobId: "job", kind: "output", limit: 10 })),
    await planOf(() => artifacts.delete("biz", ["art"])),
    await planOf(() => artifacts.scanArtifacts("art", 10)),
    await planOf(() => jobs.artifactsInUse(["art"], 1)),
    await planOf(() => jobs.endsOf(["job"])),
  ];
  expect(plans.filter((plan) => plan === "" || /SCAN compute_|TEMP B-TREE/.test(plan))).toEqual([]);
  expect(plans[10]).toContain("compute_artifacts_by_job (job_id=?)");
  expect(plans[13]).toContain("PRIMARY KEY (input_id=?)");
  await artifacts.reuse(wanted, 1);
  expect(await planOf(() => artifacts.reuse(wanted, 1))).not.toMatch(/SCAN compute_/);
});
