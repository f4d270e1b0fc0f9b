import { describe, expect, test } from "bun:test";
import type { Stores } from "../../server/compose/stores.ts";
import type { ScheduleRecord } from "../../server/schedule/schedule-record.ts";
import type { RenderTemplate } from "../../server/schedule/template-job.ts";
import { ComputeError } from "../../shared/errors.ts";
import { newId } from "../../shared/ids.ts";
import { jobManifest } from "../../shared/manifest.ts";
import { ScheduleWorld } from "../support/schedule-world.ts";

const HOUR_MS = 3_600_000;

/**
 * What every schedule store promises, with the scheduler on top. `open` gives two connections to the same empty data.
 */
export function scheduleStoreContract(name: string, open: () => Promise<Stores[]>): void {
  const worldOf = async () => new ScheduleWorld(await open());

  describe(`${name} keeps schedules`, () => {
    test("a schedule comes back unchanged, to its own business only, newest first", async () => {
      await using world = await worldOf();
      const { schedules } = world.stores;
      const made: ScheduleRecord[] = [];
      for (const labels of [{ "gpu.vendor": "nvidia" }, { "a.b": "c" }, { a: "b" }] as Record<
        string,
        string
      >[]) {
        made.unshift(await world.create({ job: { command: "true", labels }, name: "n" }));
      }
      const [newest, middle, oldest] = made as [ScheduleRecord, ScheduleRecord, ScheduleRecord];
      const { businessId } = world;
      expect(await schedules.find(businessId, middle.scheduleId)).toEqual(middle);
      expect(await schedules.find(newId("biz"), middle.scheduleId)).toBeUndefined();
      const query = { businessId, status: undefined, beforeScheduleId: undefined, limit: 2 };
      expect(await schedules.list(query)).toEqual([newest, middle]);
      expect(await schedules.list({ ...query, beforeScheduleId: middle.scheduleId })).toEqual([oldest]);
      expect(await schedules.list({ ...query, status: ["PAUSED"] })).toEqual([]);
      expect(await schedules.list({ ...query, businessId: newId("biz") })).toEqual([]);
    });

    test("a fire of a schedule whose job is no longer valid fails immediately, and says why", async () => {
      await using world = await worldOf();
      const schedule = await world.create();
      const job = jobManifest.parse({ command: "true" });
      await world.stores.schedules.change({ scheduleId: schedule.scheduleId }, (state) => ({
        schedule: state && { ...state.schedule, work: { job: { ...job, selector: "os===linux" } } },
        result: undefined,
      }));
      await world.server().service.run(world, schedule.scheduleId);
      const [fire] = await world.fires(schedule);
      expect(fire?.status).toBe("FAILED");
      expect(fire?.message).toContain("job.selector: at column");
      expect(world.errors).toEqual([]);
    });

    test("a deleted schedule is gone with its fires, and another business cannot delete or change it", async () => {
      await using world = await worldOf();
      const { schedules } = world.stores;
      const schedule = await world.create();
      const { scheduleId, businessId } = schedule;
      await world.server().service.run(world, scheduleId);
      expect(await schedules.delete(newId("biz"), scheduleId)).toBe(false);
      const stranger = { scheduleId, businessId: newId("biz") };
      expect(await schedules.change(stranger, (state) => ({ result: state }))).toBeUndefined();
      expect(await world.outcomes(schedule)).toEqual(["SUBMITTED"]);
      expect(await schedules.delete(businessId, scheduleId)).toBe(true);
      expect(await schedules.delete(businessId, scheduleId)).toBe(false);
      expect(await world.outcomes(schedule)).toEqual([]);
      expect(await schedules.nextFireAt()).toBeUndefined();
    });

    test("a schedule in the trash stays there with its fires, whatever happens to these", async () => {
      await using world = await worldOf();
      const { schedules, trash } = world.stores;
      const schedule = await world.create();
      const { scheduleId, businessId } = schedule;
      await world.server().service.run(world, scheduleId);
      const fires = await world.fires(schedule);
      const into = { trashId: newId("trash"), userId: world.userId, name: undefined };
      const times = { deletedAtMs: 1_000, expiresAtMs: 9_000 };
      expect(await schedules.delete(businessId, scheduleId, { ...into, ...times })).toBe(true);
      await schedules.change({ scheduleId }, (state) => ({
        schedule: state && { ...state.schedule, name: "changed" },
        fires: fires.map((fire) => ({ ...fire, status: "FAILED" })),
        result: undefined,
      }));
      expect(await schedules.find(businessId, scheduleId)).toBeUndefined();
      expect(await world.fires(schedule)).toEqual([]);
      expect(await trash.restore(businessId, into.trashId)).toBe("restored");
      expect((await schedules.find(businessId, scheduleId))?.name).toBe("changed");
      expect(await world.outcomes(schedule)).toEqual(["FAILED"]);
    });

    test("due schedules are found, the most overdue first; paused schedules never are", async () => {
      await using world = await worldOf();
      const { schedules } = world.stores;
      const [later, sooner] = [
        await world.create({ cron: "30 * * * *" }),
        await world.create({ cron: "10 * * * *" }),
      ];
      const paused = await world.create({ cron: "5 * * * *" });
      await world.server().service.pause(world.businessId, paused.scheduleId);
      expect(await schedules.nextFireAt()).toBe(sooner.nextFireAtMs);
      const due = async (nowMs: number, limit: number) =>
        (await schedules.due(nowMs, limit)).map((one) => one.scheduleId);
      expect(await due(world.nowMs + 9 * 60_000, 9)).toEqual([]);
      expect(await due(world.nowMs + HOUR_MS, 9)).toEqual([sooner.scheduleId, later.scheduleId]);
      expect(await due(world.nowMs + HOUR_MS, 1)).toEqual([sooner.scheduleId]);
    });

    test("schedules with open fires are found, page by page", async () => {
      await using world = await worldOf();
      const { schedules } = world.stores;
      const dying = world.server(0, () => ({ jobs: { submit: dies, cancel: dies } }));
      const ids: string[] = [];
      for (let i = 0; i < 3; i++) {
        const { scheduleId } = await world.create();
        await expect(dying.service.run(world, scheduleId)).rejects.toThrow("died");
        ids.push(scheduleId);
      }
      await world.server().service.run(world, (await world.create()).scheduleId);
      expect(await schedules.withOpenFires(undefined, 2)).toEqual(ids.slice(0, 2));
      expect(await schedules.withOpenFires(ids[1], 2)).toEqual(ids.slice(2));
    });

    test("all but the newest fires are deleted", async () => {
      await using world = await worldOf();
      const schedule = await world.create();
      const { service } = world.server();
      for (let i = 0; i < 5; i++) await service.run(world, schedule.scheduleId);
      const before = await world.fires(schedule);
      await world.stores.schedules.pruneFires(schedule.scheduleId, 9);
      expect(await world.fires(schedule)).toEqual(before);
      await world.stores.schedules.pruneFires(schedule.scheduleId, 2);
      expect(await world.fires(schedule)).toEqual(before.slice(-2));
    });
  });

  describe(`schedules fire on ${name}`, () => {
    test("however many servers look at once, each due time creates one fire and one job", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ cron: "* * * * *" });
      const servers = Array.from({ length: 6 }, (_, i) => world.server(i));
      for (let minute = 1; minute <= 8; minute++) {
        world.nowMs += 60_000;
        await Promise.all(servers.map(({ scheduler }) => scheduler.runOnce(world.nowMs)));
      }
      const fires = await world.fires(schedule);
      expect(fires.map((fire) => fire.status)).toEqual(Array(8).fill("SUBMITTED"));
      expect(new Set(fires.map((fire) => fire.dueAtMs)).size).toBe(8);
      const jobs = (await world.jobs(schedule)).map((job) => job.jobId);
      expect(jobs.sort()).toEqual(fires.map((fire) => fire.jobId ?? "").sort());
      expect(world.errors).toEqual([]);
    });

    test("if a server dies before or after it submits the job, the next look leaves exactly one job", async () => {
      await using world = await worldOf();
      const before = await world.create({ cron: "1 0 * * *" });
      const after = await world.create({ cron: "2 0 * * *" });
      const diesBefore = world.server(0, () => ({ jobs: { submit: dies, cancel: dies } }));
      const diesAfter = world.server(0, ({ jobs }) => ({
        jobs: { cancel: dies, submit: (...args) => jobs.submit(...args).then(dies) },
      }));
      for (const { scheduler } of [diesBefore, diesAfter]) {
        world.nowMs += 60_000;
        const { nextDueAtMs } = await scheduler.runOnce(world.nowMs);
        // A failed fire is looked at again soon, but not immediately.
        expect((nextDueAtMs ?? 0) - world.nowMs).toBe(5_000);
      }
      expect([await world.outcomes(before), await world.outcomes(after)]).toEqual([["PENDING"], ["PENDING"]]);
      await Promise.all([0, 1].map((i) => world.server(i).scheduler.runOnce(world.nowMs)));
      expect([await world.outcomes(before), await world.outcomes(after)]).toEqual([
        ["SUBMITTED"],
        ["SUBMITTED"],
      ]);
      expect([(await world.jobs(before)).length, (await world.jobs(after)).length]).toEqual([1, 1]);
    });

    test("a fire whose template cannot be filled in for the moment is tried again", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ job: undefined, template: "nightly" }, storedTemplate);
      const fails = world.server(0, () => ({ renderTemplate: storeFails }));
      world.nowMs += HOUR_MS;
      await expect(fails.service.run(world, schedule.scheduleId)).rejects.toThrow("The disk is full");
      const { nextDueAtMs } = await fails.scheduler.runOnce(world.nowMs);
      expect((nextDueAtMs ?? 0) - world.nowMs).toBe(5_000);
      expect(await world.outcomes(schedule)).toEqual([]);
      expect(world.errors).toEqual([expect.objectContaining({ code: "storage_failed" })]);
      await world.server(0, () => ({ renderTemplate: storedTemplate })).scheduler.runOnce(world.nowMs);
      expect(await world.outcomes(schedule)).toEqual(["SUBMITTED"]);
    });

    test("a fire whose template is gone fails immediately, and says why", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ job: undefined, template: "nightly" }, storedTemplate);
      world.nowMs += HOUR_MS;
      const gone = () => Promise.reject(new ComputeError("not_found", "There is no template nightly."));
      await world.server(0, () => ({ renderTemplate: gone })).scheduler.runOnce(world.nowMs);
      expect(await world.fires(schedule)).toMatchObject([
        { status: "FAILED", message: "There is no template nightly." },
      ]);
      expect(world.errors).toEqual([]);
    });

    test("a fire whose template cannot be filled in for an hour fails, and says why", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ job: undefined, template: "nightly" }, storedTemplate);
      const { scheduler } = world.server(0, () => ({ renderTemplate: storeFails }));
      for (const waitMs of [HOUR_MS, HOUR_MS - 1]) {
        world.nowMs += waitMs;
        await scheduler.runOnce(world.nowMs);
        expect(await world.outcomes(schedule)).toEqual([]);
      }
      world.nowMs += 1;
      await scheduler.runOnce(world.nowMs);
      const [newest] = (await world.fires(schedule)).reverse();
      expect(newest).toMatchObject({ status: "FAILED", message: "The disk is full" });
    });

    test("where overlap is forbidden no two jobs run together, however they were fired, and skipped fires are listed", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ overlap: "forbid" });
      const { scheduleId } = schedule;
      const servers = [world.server(0), world.server(1)];
      world.nowMs += HOUR_MS;
      await Promise.all([
        ...servers.map(({ scheduler }) => scheduler.runOnce(world.nowMs)),
        // Refused or first, depending on the race.
        ...servers.map(({ service }) => service.run(world, scheduleId).catch(() => undefined)),
      ]);
      const [job, ...others] = await world.jobs(schedule);
      expect(others).toEqual([]);
      world.nowMs += HOUR_MS;
      await servers[0]?.scheduler.runOnce(world.nowMs);
      expect((await world.outcomes(schedule)).at(-1)).toBe("Overlap");
      await world.finish(job?.jobId ?? "");
      world.nowMs += HOUR_MS;
      await servers[1]?.scheduler.runOnce(world.nowMs);
      expect((await world.outcomes(schedule)).at(-1)).toBe("SUBMITTED");
    });

    test("a queue holds one fire: it begins when the job before it is over, and the next fires are skipped", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ overlap: "queue" });
      const { scheduler } = world.server();
      for (let hour = 0; hour < 3; hour++) {
        world.nowMs += HOUR_MS;
        await scheduler.runOnce(world.nowMs);
      }
      expect(await world.outcomes(schedule)).toEqual(["SUBMITTED", "WAITING", "QueueFull"]);
      const [first] = await world.jobs(schedule);
      await world.finish(first?.jobId ?? "");
      await scheduler.runOnce(world.nowMs);
      expect(await world.outcomes(schedule)).toEqual(["SUBMITTED", "SUBMITTED", "QueueFull"]);
      expect(await world.jobs(schedule)).toHaveLength(2);
    });

    test("a replacing fire cancels the running job, and begins when that job is gone", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ overlap: "replace" });
      const { scheduler } = world.server();
      for (let hour = 0; hour < 2; hour++) {
        world.nowMs += HOUR_MS;
        await scheduler.runOnce(world.nowMs);
      }
      // The job was queued, so it is gone immediately.
      await scheduler.runOnce(world.nowMs);
      expect(await world.outcomes(schedule)).toEqual(["SUBMITTED", "SUBMITTED"]);
      expect((await world.jobs(schedule)).map((job) => job.status)).toEqual(["QUEUED", "CANCELLED"]);
    });

    test("a pause skips the waiting fire, and times during the pause are not made up", async () => {
      await using world = await worldOf();
      const schedule = await world.create({ overlap: "queue", misfire: "all" });
      const { scheduleId, businessId } = schedule;
      const { scheduler, service } = world.server();
      for (let hour = 0; hour < 2; hour++) {
        world.nowMs += HOUR_MS;
        await scheduler.runOnce(world.nowMs);
      }
      await service.pause(businessId, scheduleId);
      world.nowMs += 5 * HOUR_MS;
      await scheduler.runOnce(world.nowMs);
      await service.resume(businessId, scheduleId);
      await scheduler.runOnce(world.nowMs);
      expect(await world.outcomes(schedule)).toEqual(["SUBMITTED", "Paused"]);
    });
  });

  describe(`a server on ${name} that was down for three hours`, () => {
    const afterThreeHours = async (
      world: ScheduleWorld,
      input: Parameters<ScheduleWorld["create"]>[0],
    ): Promise<string[]> => {
      const schedule = await world.create(input);
      world.nowMs += 3 * HOUR_MS + 600_000;
      await Promise.all([0, 1].map((i) => world.server(i).scheduler.runOnce(world.nowMs)));
      const outcomes = await world.outcomes(schedule);
      const submitted = outcomes.filter((outcome) => outcome === "SUBMITTED").length;
      expect(await world.jobs(schedule)).toHaveLength(submitted);
      expect(world.errors).toEqual([]);
      return outcomes;
    };

    test("skips, makes up the last, or makes up all of them, and lists each", async () => {
      await using world = await worldOf();
      expect(await afterThreeHours(world, { misfire: "skip" })).toEqual(["Missed", "Missed", "Missed"]);
      expect(await afterThreeHours(world, { misfire: "once" })).toEqual([
        "MissedMerged",
        "MissedMerged",
        "SUBMITTED",
      ]);
      expect(await afterThreeHours(world, { misfire: "all" })).toEqual(Array(3).fill("SUBMITTED"));
      expect(await afterThreeHours(world, { misfire: "all", overlap: "forbid" })).toEqual([
        "SUBMITTED",
        "Overlap",
        "Overlap",
      ]);
    });

    test("makes up nothing older than the window", async () => {
      await using world = await worldOf();
      const window = { misfireWindowSeconds: 2 * 3_600 };
      expect(await afterThreeHours(world, { misfire: "all", ...window })).toEqual([
        "MissedTooOld",
        "SUBMITTED",
        "SUBMITTED",
      ]);
      expect(await afterThreeHours(world, { misfire: "once", misfireWindowSeconds: 0 })).toEqual(
        Array(3).fill("MissedTooOld"),
      );
    });

    test("lists a hundred of the missed fires one by one, and the others in one line", async () => {
      await using world = await worldOf();
      const outcomes = await afterThreeHours(world, { cron: "* * * * *", misfire: "skip" });
      expect(outcomes).toHaveLength(101);
      expect(outcomes[0]).toBe("MissedTooMany");
      // The last two are less than a minute and a half old.
      expect(outcomes.slice(-3)).toEqual(["Missed", "SUBMITTED", "SUBMITTED"]);
    });
  });
}

async function dies(): Promise<never> {
  throw new Error("the server died here");
}

const storedTemplate: RenderTemplate = async () => ({
  manifest: jobManifest.parse({ command: "true" }),
  templateId: newId("tpl"),
});

const storeFails: RenderTemplate = () =>
  Promise.reject(new ComputeError("storage_failed", "The disk is full"));
