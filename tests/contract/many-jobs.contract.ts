import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import type { BusMessages } from "../../server/bus/bus.ts";
import { MemoryBus } from "../../server/bus/memory-bus.ts";
import { JobFlow } from "../../server/job/job-flow.ts";
import { JobNews } from "../../server/job/job-news.ts";
import type { JobRecord } from "../../server/job/job-record.ts";
import type { InsertOutcome, JobListQuery } from "../../server/job/job-store.ts";
import { ManualRetry } from "../../server/job/manual-retry.ts";
import { type ManyChanged, ManyJobs, type RetryPlace } from "../../server/job/many-jobs.ts";
import { newId } from "../../shared/ids.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { jobOf, nodeOf } from "./control-plane.contract.ts";
import type { ControlPlaneStores } from "./control-plane-stores.ts";

const NOW_MS = Date.parse("2026-01-01T12:00:00Z");
const PER_REQUEST = 1_000;

/** What every adapter of the job port promises about changing many jobs at once, races included. */
export function manyJobsContract(name: string, open: () => Promise<ControlPlaneStores>): void {
  describe(`${name}: many jobs at once`, () => {
    let stores: ControlPlaneStores;
    let bus: MemoryBus;
    let many: ManyJobs;
    const businessId = newId("biz");

    beforeEach(async () => {
      stores = await open();
      bus = new MemoryBus();
      const due = { start: () => undefined, expiry: () => undefined };
      const parts = { jobs: stores.jobs, news: new JobNews(bus, due), now: () => NOW_MS };
      const onError = (_: string, error: unknown) => {
        throw error;
      };
      const flow = new JobFlow({ ...parts, flow: stores.flow, onError });
      many = new ManyJobs({
        ...parts,
        flow,
        retries: new ManualRetry({ ...parts, flow: stores.flow }, flow),
      });
    });
    afterEach(async () => {
      await bus.close();
      await stores.close();
    });

    const insert = async (jobs: JobRecord[]) => {
      for (let i = 0; i < jobs.length; i += PER_REQUEST) {
        const some = jobs.slice(i, i + PER_REQUEST);
        await stores.jobs.insert(some.map((job) => ({ job, idempotency: undefined })));
      }
      return jobs;
    };
    const submit = (...manifests: Partial<JobManifestInput>[]) =>
      insert(manifests.map((manifest) => jobOf(businessId, manifest)));
    const query = (where: Partial<JobListQuery> = {}): JobListQuery => ({
      businessId,
      status: undefined,
      name: undefined,
      labels: undefined,
      beforeJobId: undefined,
      limit: PER_REQUEST,
      ...where,
    });
    const list = async (where: Partial<JobListQuery>) =>
      (await stores.jobs.list(query(where))).map((job) => job.jobId);
    const count = async (where: Partial<JobListQuery>) =>
      (await stores.jobs.list(query({ limit: 20_000, ...where }))).length;
    /** Repeats the request until nothing is left, as a client does. */
    const untilEnd = async <Place>(
      change: (
        place: Place | undefined,
      ) => Promise<{ matched: number; changed: number; next: Place | undefined }>,
    ) => {
      const sum = { matched: 0, changed: 0, requests: 0 };
      let place: Place | undefined;
      do {
        const { matched, changed, next } = await change(place);
        sum.matched += matched;
        sum.changed += changed;
        sum.requests++;
        place = next;
      } while (place !== undefined);
      return sum;
    };
    const untilDone = (change: (beforeJobId: string | undefined) => Promise<ManyChanged>) =>
      untilEnd<string>(async (beforeJobId) => {
        const { nextBeforeJobId, ...counts } = await change(beforeJobId);
        return { ...counts, next: nextBeforeJobId };
      });

    test("a list has only the jobs of a person, a node, a template, a schedule or a time, and of arrays only the arrays", async () => {
      const template = newId("tpl");
      const [mine, templated, scheduled, late] = [
        jobOf(businessId, { name: "Train-A" }),
        { ...jobOf(businessId, { name: "50%_[x]" }), templateId: template },
        { ...jobOf(businessId, {}), scheduleId: newId("sch"), userId: newId("usr") },
        { ...jobOf(businessId, { name: "train-b" }), createdAtMs: Date.now() },
      ] as const;
      const member = { ...jobOf(businessId, { name: "train-c" }), arrayId: mine.jobId };
      await insert([mine, templated, scheduled, late, member]);
      expect(await list({ search: "TRAIN-", topLevel: true })).toEqual([late.jobId, mine.jobId]);
      expect(await list({ search: "%_[" })).toEqual([templated.jobId]);
      expect(await list({ search: "train.a" })).toEqual([]);
      expect(await list({ templateId: template })).toEqual([templated.jobId]);
      expect(await list({ scheduleId: scheduled.scheduleId })).toEqual([scheduled.jobId]);
      expect(await list({ userId: scheduled.userId })).toEqual([scheduled.jobId]);
      expect(await list({ nodeId: newId("node") })).toEqual([]);
      expect((await list({ untilMs: late.createdAtMs })).includes(late.jobId)).toBe(false);
      expect((await list({ untilMs: late.createdAtMs + 1 })).includes(late.jobId)).toBe(true);
      const counted = (where: Partial<JobListQuery>) => stores.jobs.count(query(where));
      expect(await counted({ topLevel: true })).toEqual({ count: 4, isCut: false });
      expect(await counted({ search: "train", status: ["QUEUED"] })).toEqual({ count: 3, isCut: false });
      expect(await counted({ limit: 2 })).toEqual({ count: 2, isCut: false });
    });

    test("the jobs of an array are listed in index order, page by page, and no others", async () => {
      const [array] = await submit({ array: "1-7" });
      const arrayId = array?.jobId ?? "";
      await submit({ name: "before" });
      const members = await insert(
        Array.from({ length: 7 }, (_, i) => ({ ...jobOf(businessId, { name: `a[${i + 1}]` }), arrayId })),
      );
      await submit({ name: "after" });
      const listed = async (where: Partial<JobListQuery>) =>
        (await stores.jobs.list(query({ arrayId, oldestBehind: "", ...where }))).map(
          (job) => job.manifest.name,
        );
      const names = members.map((job) => job.manifest.name);
      expect(await listed({})).toEqual(names);
      expect(await listed({ limit: 3 })).toEqual(names.slice(0, 3));
      expect(await listed({ limit: 3, oldestBehind: members[2]?.jobId })).toEqual(names.slice(3, 6));
      expect(await listed({ beforeJobId: members[2]?.jobId })).toEqual(names.slice(0, 2));
      expect(await listed({ businessId: newId("biz") })).toEqual([]);
      expect(await listed({ name: "a[[]2]" })).toEqual([]);
      const doomed = query({ arrayId, status: ["QUEUED"], limit: 4 });
      const first = await many.cancel(doomed);
      expect(first).toMatchObject({ matched: 4, changed: 4, nextBeforeJobId: members[3]?.jobId });
      expect(await listed({ status: ["CANCELLED"] })).toEqual(names.slice(3));
      expect(await listed({ status: ["QUEUED", "FAILED"] })).toEqual(names.slice(0, 3));
      const second = await many.cancel({ ...doomed, beforeJobId: first.nextBeforeJobId });
      expect(second).toMatchObject({ matched: 3, changed: 3, nextBeforeJobId: undefined });
      const retried = await untilEnd<RetryPlace>((place) => many.retry(query({ arrayId, limit: 2 }), place));
      expect(retried).toMatchObject({ matched: 7, changed: 7 });
    });

    test("jobs are found by the beginning of their ids, but never in another business", async () => {
      const [one, two] = await submit({ name: "one" }, { name: "two" });
      const id = two?.jobId ?? "";
      const listed = async (where: Partial<JobListQuery>) =>
        (await stores.jobs.list(query(where))).map((job) => job.manifest.name);
      expect(await listed({ idPrefix: id })).toEqual(["two"]);
      expect(await listed({ idPrefix: id.slice(0, -1) })).toContain("two");
      expect(await listed({ idPrefix: "job_" })).toEqual(["two", "one"]);
      expect(await listed({ idPrefix: "job_", beforeJobId: id })).toEqual(["one"]);
      expect(await listed({ idPrefix: "job_zzzz" })).toEqual([]);
      expect(await listed({ idPrefix: one?.jobId, businessId: newId("biz") })).toEqual([]);
    });

    test("10,000 queued jobs are cancelled by a filter in under 5 s, and a few messages name every one of them", async () => {
      const doomed = Array.from({ length: 10_000 }, (_, i) => jobOf(businessId, { name: `doomed-${i}` }));
      const insertedMs = await timed(() => insert(doomed));
      await submit({ name: "kept" }, { name: "kept" });
      const published = record(bus, "jobs");
      const tookMs = await timed(async () => {
        const sum = await untilDone((beforeJobId) => many.cancel(query({ name: "doomed-*", beforeJobId })));
        expect(sum).toMatchObject({ matched: 10_000, changed: 10_000 });
      });
      // A busy machine takes longer for everything. A cancel usually takes three to four times as long as an insert.
      expect(tookMs).toBeLessThan(Math.max(5_000, 8 * insertedMs));
      expect(published.length).toBe(10);
      const named = published.flatMap((message) => message.jobIds);
      expect(named.toSorted()).toEqual(doomed.map((job) => job.jobId));
      expect(await count({ status: ["CANCELLED"] })).toBe(10_000);
      expect(await count({ status: ["QUEUED"], name: "kept" })).toBe(2);
    });

    test("a filter selects by status, name, label and time, newest first", async () => {
      const [first, second, third] = await submit(
        { name: "a-1", labels: { "x.y/z": "1", os: "linux" } },
        { name: "a-2", labels: { "x.y/z": "1" } },
        { name: "b[1]" },
      );
      const late = { ...jobOf(businessId, { name: "late" }), createdAtMs: NOW_MS };
      await insert([late]);
      const ids = async (where: Partial<JobListQuery>) =>
        (await stores.jobs.list(query(where))).map((job) => job.jobId);
      const idsOf = (...jobs: (JobRecord | undefined)[]) => jobs.map((job) => job?.jobId ?? "");
      expect(await ids({ name: "a-?" })).toEqual(idsOf(second, first));
      expect(await ids({ name: "*[1]" })).toEqual(idsOf(third));
      expect(await ids({ name: "A-1" })).toEqual([]);
      expect(await ids({ labels: { "x.y/z": "1" }, limit: 1 })).toEqual(idsOf(second));
      expect(await ids({ labels: { "x.y/z": "1", os: "linux" } })).toEqual(idsOf(first));
      expect(await ids({ sinceMs: NOW_MS })).toEqual(idsOf(late));
      expect(await ids({ sinceMs: NOW_MS + 1 })).toEqual([]);
      expect(await ids({ status: ["QUEUED", "RUNNING"], limit: 2 })).toEqual(idsOf(late, third));
      expect(await ids({ status: ["QUEUED", "RUNNING"], beforeJobId: third?.jobId })).toEqual(
        idsOf(second, first),
      );
      expect(await ids({ name: "a-*", status: ["CANCELLED"] })).toEqual([]);
      expect(await ids({ userId: first?.userId, name: "a-*" })).toEqual(idsOf(second, first));
      expect(await ids({ userId: first?.userId, status: ["QUEUED"], limit: 1 })).toEqual(idsOf(late));
      expect(await ids({ userId: newId("usr") })).toEqual([]);
    });

    test("matches of a pattern or a label are found in order, in both directions, page by page", async () => {
      const jobs = await submit(
        ...Array.from({ length: 1_300 }, (_, i) => ({
          name: `job-${i}${i % 100 === 7 ? "-x" : ""}`,
          labels: (i % 300 === 0 ? { rare: "yes" } : {}) as Record<string, string>,
        })),
      );
      const ids = (keep: (i: number) => boolean) => jobs.filter((_, i) => keep(i)).map((job) => job.jobId);
      const found = async (where: Partial<JobListQuery>) =>
        (await stores.jobs.list(query(where))).map((job) => job.jobId);
      const named = ids((i) => i % 100 === 7);
      const labelled = ids((i) => i % 300 === 0);
      expect(await found({ name: "job-*-x" })).toEqual(named.toReversed());
      expect(await found({ name: "job-*-x", oldestBehind: "" })).toEqual(named);
      expect(await found({ labels: { rare: "yes" }, status: ["QUEUED", "FAILED"] })).toEqual(
        labelled.toReversed(),
      );
      expect(await found({ labels: { rare: "yes" }, oldestBehind: labelled[0] as string })).toEqual(
        labelled.slice(1),
      );
      expect(await found({ name: "*-x", limit: 3, beforeJobId: named[9] as string })).toEqual(
        named.slice(6, 9).toReversed(),
      );
      expect(await found({ name: "*-y" })).toEqual([]);
    });

    test("large jobs are listed, cancelled and retried a few at a time, and no job is missed", async () => {
      const large = { command: "x".repeat(900 * 1024), labels: { is: "large" } };
      const jobs = await submit({ name: "small" }, ...Array.from({ length: 20 }, () => large), {
        name: "small",
      });
      const ids = jobs.map((job) => job.jobId);
      for (const where of [{}, { labels: { is: "large" } }]) {
        const some = await stores.jobs.listSome(query(where), 2 * 1024 * 1024);
        expect(some).toMatchObject({ isCut: true });
        expect(some.jobs.map((job) => job.jobId)).toEqual((await list(where)).slice(0, some.jobs.length));
        expect(some.jobs.length).toBe("labels" in where ? 3 : 4);
      }
      expect((await stores.jobs.listSome(query(), 1)).jobs.map((job) => job.jobId)).toEqual(ids.slice(-1));
      expect(await stores.jobs.listSome(query({ name: "small" }), 10_000)).toMatchObject({ isCut: false });
      const cancels = await untilDone((beforeJobId) => many.cancel(query({ beforeJobId })));
      expect(cancels).toEqual({ matched: 22, changed: 22, requests: 3 });
      const retries = await untilEnd<RetryPlace>((place) => many.retry(query(), place));
      expect(retries).toEqual({ matched: 22, changed: 22, requests: 3 });
      expect(await count({ status: ["QUEUED"] })).toBe(22);
    });

    test("cancelling while nodes take the jobs ends all of them, and every node with a job is notified", async () => {
      await submit(...Array.from({ length: 400 }, () => ({})));
      const nodes = Array.from({ length: 4 }, () => nodeOf(businessId, { cpu: 64 }));
      for (const node of nodes) await stores.nodes.insert(node);
      const published = record(bus, "node");
      const take = (nodeId: string) =>
        stores.assignments.assign([
          { nodeId, businessId, limit: 7, nowMs: NOW_MS, leaseExpiresAtMs: NOW_MS + 1 },
        ]);
      const [sum] = await Promise.all([
        untilDone((beforeJobId) => many.cancel(query({ limit: 50, beforeJobId }))),
        ...nodes.flatMap((node) => Array.from({ length: 5 }, () => take(node.nodeId))),
      ]);
      // Neither side may miss a job that was taken between the read and the change.
      expect(sum.changed).toBe(400);
      const jobs = await stores.jobs.list(query());
      expect(jobs.filter((job) => job.cancelRequestedAtMs === undefined)).toEqual([]);
      const holders = new Set(jobs.flatMap((job) => (job.status === "ASSIGNED" ? (job.nodeId ?? []) : [])));
      expect(jobs.filter((job) => job.status !== "ASSIGNED" && job.status !== "CANCELLED")).toEqual([]);
      const notified = new Set(published.map((message) => message.nodeId));
      expect([...holders.difference(notified)]).toEqual([]);
    });

    test("if several requests cancel or retry the same jobs at once, each job is changed by exactly one of them", async () => {
      await submit(...Array.from({ length: 300 }, () => ({ name: "x" })));
      const cancels = Array.from({ length: 5 }, () =>
        untilDone((beforeJobId) => many.cancel(query({ name: "x", limit: 100, beforeJobId }))),
      );
      expect((await Promise.all(cancels)).reduce((sum, { changed }) => sum + changed, 0)).toBe(300);
      const retries = Array.from({ length: 5 }, () =>
        untilEnd<RetryPlace>((place) => many.retry(query({ name: "x", limit: 100 }), place)),
      );
      expect((await Promise.all(retries)).reduce((sum, { changed }) => sum + changed, 0)).toBe(300);
      expect(await count({ status: ["QUEUED"] })).toBe(300);
    });

    test("jobs of another business are neither seen nor changed", async () => {
      await submit({ name: "mine" });
      const stranger = newId("biz");
      expect(await many.cancel(query({ businessId: stranger }))).toMatchObject({ matched: 0, changed: 0 });
      expect(await many.cancel(query({ businessId: stranger, name: "*" }))).toMatchObject({ matched: 0 });
      expect(await count({ status: ["QUEUED"] })).toBe(1);
    });

    test("an insert of many jobs inserts nothing if one of its keys was used for a different job", async () => {
      const keyed = (key: string, bodyHash: string) => ({
        job: jobOf(businessId),
        idempotency: { key, bodyHash },
      });
      await stores.jobs.insert([keyed("used", "one body")]);
      const plain = { job: jobOf(businessId), idempotency: undefined };
      const refused = await stores.jobs.insert([
        plain,
        keyed("used", "another body"),
        keyed("new", "b"),
        keyed("used", "one body"),
      ]);
      const kinds = refused.map(({ kind }) => kind);
      expect(kinds).toEqual(["held-back", "key-reused", "held-back", "existing"]);
      const within = await stores.jobs.insert([keyed("k", "a"), keyed("k", "a"), keyed("k", "b")]);
      expect(within.map(({ kind }) => kind)).toEqual(["held-back", "held-back", "key-reused"]);
      expect(await count({})).toBe(1);
    });

    test("if one batch is inserted many times at once, one insert creates its jobs, and all return them", async () => {
      const outcomes = await Promise.all(batches(12, 40).map((batch) => stores.jobs.insert(batch)));
      expect(new Set(outcomes.map((batch) => idsOf(batch).join())).size).toBe(1);
      expect(createdIn(outcomes)).toBe(40);
      expect(await count({})).toBe(40);
    });

    test("of the repeats of a batch, one creates again what was deleted of it, and all return it", async () => {
      const [batch = [], ...repeats] = batches(13, 5);
      const first = idsOf(await stores.jobs.insert(batch));
      for (const deleted of [first[3], first[0]]) {
        expect(await stores.retention.deleteJobs(businessId, [deleted ?? ""], NOW_MS)).toEqual(["deleted"]);
        const outcomes = await Promise.all(repeats.map((repeat) => stores.jobs.insert(repeat)));
        expect(new Set(outcomes.map((outcome) => idsOf(outcome).join())).size).toBe(1);
        expect(createdIn(outcomes)).toBe(1);
        expect(await count({})).toBe(5);
      }
    });

    test("a batch of a release that wrote each of its keys by itself is found by them", async () => {
      const [older = [], repeat = []] = batches(2, 5);
      const alone = older.map(({ job, idempotency }) => ({
        job,
        idempotency: { ...idempotency, behind: undefined },
      }));
      const ids = idsOf(await stores.jobs.insert(alone));
      const outcomes = await stores.jobs.insert(repeat);
      expect(createdIn([outcomes])).toBe(0);
      expect(idsOf(outcomes)).toEqual(ids);
    });

    /** The same batch as several calls would insert it. Its jobs are over. */
    function batches(calls: number, jobs: number) {
      const one = (i: number) => ({
        job: { ...jobOf(businessId), status: "CANCELLED" as const },
        idempotency: { key: `k#${i}`, bodyHash: "same", behind: i === 0 ? undefined : "k#0" },
      });
      return Array.from({ length: calls }, () => Array.from({ length: jobs }, (_, i) => one(i)));
    }
  });
}

/** The ids of the jobs, or what became of those that there are not. */
export function idsOf(outcomes: readonly InsertOutcome[]): string[] {
  return outcomes.map((outcome) => ("job" in outcome ? outcome.job.jobId : outcome.kind));
}

function createdIn(outcomes: readonly InsertOutcome[][]): number {
  return outcomes.flat().filter(({ kind }) => kind === "created").length;
}

async function timed(body: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now();
  await body();
  return performance.now() - startedAtMs;
}

function record<Topic extends keyof BusMessages>(bus: MemoryBus, topic: Topic): BusMessages[Topic][] {
  const heard: BusMessages[Topic][] = [];
  bus.subscribe(topic, (message) => void heard.push(message));
  return heard;
}
