import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { newArray, newJob } from "../../server/job/job-rules.ts";
import type { JobStore, LimitedKey, NewJob } from "../../server/job/job-store.ts";
import { newId } from "../../shared/ids.ts";
import { jobManifest } from "../../shared/manifest.ts";

const AT_MS = Date.parse("2026-01-01T00:00:00Z");
const KEY = "tnv_00000000";

/** What every job store promises about the limits of API keys. `open` gives an empty store, which is closed after each test. */
export function keyLimitsContract(
  name: string,
  open: () => Promise<{ jobs: JobStore; close(): Promise<void> }>,
) {
  describe(`${name} keeps to the limits of API keys`, () => {
    let opened: Awaited<ReturnType<typeof open>>;
    let jobs: JobStore;
    beforeEach(async () => {
      opened = await open();
      jobs = opened.jobs;
    });
    afterEach(() => opened.close());

    const by = { businessId: newId("biz"), userId: newId("usr") };
    const made = (array?: string): NewJob[] => {
      const manifest = jobManifest.parse({ command: "true", array });
      const job = newJob(by, manifest, { apiKeyId: KEY }, AT_MS);
      return [job, ...newArray(job)].map((one) => ({ job: one, idempotency: undefined }));
    };
    const keyed = (key: string, command: string): NewJob[] => {
      const manifest = jobManifest.parse({ command });
      const job = newJob(by, manifest, { apiKeyId: KEY }, AT_MS);
      return [{ job, idempotency: { key, bodyHash: command } }];
    };
    const insert = (wanted: NewJob[], key: Omit<LimitedKey, "apiKeyId">, nowMs = AT_MS) =>
      jobs.insertWithin(wanted, { apiKeyId: KEY, ...key }, nowMs);
    const stored = async () =>
      (
        await jobs.list({
          businessId: by.businessId,
          status: undefined,
          name: undefined,
          labels: undefined,
          beforeJobId: undefined,
          limit: 1_000,
        })
      ).length;
    const end = async (wanted: NewJob[]) => {
      for (const { job } of wanted) {
        await jobs.change([
          {
            key: { businessId: by.businessId, jobId: job.jobId },
            decide: (state) => ({
              job: state && { ...state.job, status: "SUCCESS", gate: undefined, finishedAtMs: AT_MS },
              result: undefined,
            }),
          },
        ]);
      }
    };

    test("of fifty inserts at once as many pass as the hour has, and the next hour has as many again", async () => {
      const outcomes = await Promise.all(
        Array.from({ length: 50 }, () => insert(made(), { maxJobsPerHour: 10 })),
      );
      expect(outcomes.filter(({ kind }) => kind === "within")).toHaveLength(10);
      expect(await stored()).toBe(10);
      const refused = outcomes.find((outcome) => outcome.kind === "refused");
      expect(refused).toMatchObject({ by: { policy: "jobs-per-hour", limit: 10, remaining: 0 } });
      const { retryAfterSeconds = 0 } = refused ?? {};
      const laterMs = AT_MS + retryAfterSeconds * 1_000;
      expect((await insert(made("1-10"), { maxJobsPerHour: 10 }, laterMs)).kind).toBe("within");
      expect((await insert(made(), { maxJobsPerHour: 10 }, laterMs)).kind).toBe("refused");
    });

    test("an array counts as many as it has, and is made whole or not at all", async () => {
      expect((await insert(made("1-11"), { maxJobsPerHour: 10 })).kind).toBe("refused");
      expect(await stored()).toBe(0);
      expect((await insert(made("1-8"), { maxJobsPerHour: 10 })).kind).toBe("within");
      expect((await insert(made("1-3"), { maxJobsPerHour: 10 })).kind).toBe("refused");
      expect((await insert(made("1-2"), { maxJobsPerHour: 10 })).kind).toBe("within");
      expect(await stored()).toBe(9 + 3);
    });

    test("an insert that is repeated with its key counts once, and passes when nothing is left", async () => {
      const limits = { maxJobsPerHour: 2, maxConcurrent: 2 };
      const first = await insert(keyed("a", "true"), limits);
      const again = await Promise.all(Array.from({ length: 5 }, () => insert(keyed("a", "true"), limits)));
      expect(again.map((outcome) => outcome.kind)).toEqual(Array(5).fill("within"));
      expect((await insert(keyed("b", "true"), limits)).kind).toBe("within");
      expect((await insert(keyed("c", "true"), limits)).kind).toBe("refused");
      const last = await insert(keyed("a", "true"), limits);
      const jobIdOf = (outcome: typeof first) =>
        outcome.kind === "within" && outcome.result.map((one) => ("job" in one ? one.job.jobId : one.kind));
      expect(jobIdOf(last)).toEqual(jobIdOf(first));
      expect(jobIdOf(await insert(keyed("a", "false"), limits))).toEqual(["key-reused"]);
    });

    test("only as many jobs exist at once as the key allows, and an ended job makes room", async () => {
      const limits = { maxConcurrent: 3 };
      const wanted = Array.from({ length: 12 }, () => made());
      const outcomes = await Promise.all(wanted.map((one) => insert(one, limits)));
      const passed = wanted.filter((_, i) => outcomes[i]?.kind === "within");
      expect(passed).toHaveLength(3);
      expect((await insert(made(), limits)).kind).toBe("refused");
      await end(passed.slice(0, 2).flat());
      expect((await insert(made("1-3"), limits)).kind).toBe("refused");
      expect((await insert(made("1-2"), limits)).kind).toBe("within");
    });

    test("a hold keeps places until it is released", async () => {
      const key = { apiKeyId: KEY, maxConcurrent: 2, maxJobsPerHour: 10 };
      const held = await jobs.hold(key, 2, AT_MS);
      if (held.kind === "refused") throw new Error("it was refused");
      expect((await insert(made(), key)).kind).toBe("refused");
      await jobs.release(KEY, held.result);
      const passed = await insert(made(), key);
      expect(passed).toMatchObject({ kind: "within", left: [{ remaining: 7 }, { remaining: 1 }] });
    });

    test("the limits of one key do not touch another", async () => {
      expect((await insert(made(), { maxJobsPerHour: 1 })).kind).toBe("within");
      const other = { apiKeyId: "tnv_11111111", maxJobsPerHour: 1 };
      const outcomes = await Promise.all([
        insert(made(), { maxJobsPerHour: 1 }),
        jobs.insertWithin(made(), other, AT_MS),
      ]);
      expect(outcomes.map(({ kind }) => kind)).toEqual(["refused", "within"]);
    });
  });
}
