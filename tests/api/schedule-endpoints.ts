import { expect } from "bun:test";
import type { EndpointInput } from "../../shared/endpoints/index.ts";
import type { Api, As } from "../support/api.ts";
import type { Scenarios } from "./stage.ts";

/** A scenario for each schedule endpoint. */
export const scheduleScenarios = {
  "schedules.create": async ({ api, user }) => {
    const made = await make(api, user, { cron: "30 2 * * *", timeZone: "Europe/Berlin", jitterSeconds: 60 });
    expect(made).toMatchObject({
      status: "ACTIVE",
      words: "at 02:30 every day",
      overlap: "allow",
      misfire: "once",
      misfireWindowSeconds: 86_400,
      fireCount: 0,
      warnings: [],
    });
    expect(Date.parse(made.nextFireAt ?? "")).toBeGreaterThan(Date.now());
    expect((await make(api, user, { cron: "* * * * * *" })).warnings[0]).toContain("3600 times an hour");
    await refusesNonsense(api, user);
  },

  "schedules.retrieve": async ({ api, user }) => {
    const { warnings: _, ...made } = await make(api, user, { name: "nightly" });
    const { scheduleId } = made;
    expect(await api.call("schedules.retrieve", { scheduleId }, user)).toEqual(made);
  },

  "schedules.list": async ({ api }) => {
    const user = await api.newUser();
    const [first, second, third] = [await make(api, user), await make(api, user), await make(api, user)];
    await api.call("schedules.pause", { scheduleId: second.scheduleId }, user);
    const list = async (input: EndpointInput<"schedules.list">) => {
      const { schedules, nextCursor } = await api.call("schedules.list", input, user);
      return { ids: schedules.map((one) => one.scheduleId), nextCursor };
    };
    const page = await list({ limit: 2 });
    expect(page.ids).toEqual([third.scheduleId, second.scheduleId]);
    expect((await list({ limit: 2, cursor: page.nextCursor })).ids).toEqual([first.scheduleId]);
    expect((await list({ status: ["PAUSED"] })).ids).toEqual([second.scheduleId]);
  },

  "schedules.pause": async ({ api, user }) => {
    const { scheduleId } = await make(api, user);
    for (let time = 0; time < 2; time++) {
      const paused = await api.call("schedules.pause", { scheduleId }, user);
      expect(paused.status).toBe("PAUSED");
      expect(paused.nextFireAt).toBeUndefined();
    }
  },

  "schedules.resume": async ({ api, user }) => {
    const { scheduleId, nextFireAt } = await make(api, user);
    await api.call("schedules.pause", { scheduleId }, user);
    expect(await api.call("schedules.resume", { scheduleId }, user)).toMatchObject({
      status: "ACTIVE",
      nextFireAt,
    });
  },

  "schedules.run": async ({ api, user }) => {
    const { scheduleId } = await make(api, user, { overlap: "forbid", name: "by hand" });
    const fire = await api.call("schedules.run", { scheduleId }, user);
    expect(fire).toMatchObject({ trigger: "manual", status: "SUBMITTED" });
    const job = await api.call("jobs.retrieve", { jobId: fire.jobId ?? "" }, user);
    expect(job).toMatchObject({ scheduleId, name: "by hand", status: "QUEUED" });
    expect((await api.refused("schedules.run", { scheduleId }, user)).code).toBe("conflict");
    await api.call("jobs.cancel", { jobId: job.jobId }, user);
    await api.call("schedules.pause", { scheduleId }, user);
    expect((await api.call("schedules.run", { scheduleId }, user)).status).toBe("SUBMITTED");
  },

  "schedules.delete": async ({ api, user }) => {
    const { scheduleId } = await make(api, user);
    const { jobId = "" } = await api.call("schedules.run", { scheduleId }, user);
    expect(await api.call("schedules.delete", { scheduleId }, user)).toMatchObject({ scheduleId });
    expect((await api.refused("schedules.delete", { scheduleId }, user)).code).toBe("not_found");
    expect((await api.refused("schedules.fires", { scheduleId }, user)).code).toBe("not_found");
    expect((await api.call("jobs.retrieve", { jobId }, user)).status).toBe("QUEUED");
  },

  "schedules.fires": async ({ api, user }) => {
    const { scheduleId } = await make(api, user);
    const fires = [];
    for (let i = 0; i < 3; i++) fires.unshift(await api.call("schedules.run", { scheduleId }, user));
    const page = await api.call("schedules.fires", { scheduleId, limit: 2 }, user);
    const listed = fires.map((fire) => ({ ...fire, jobStatus: "QUEUED" as const }));
    expect(page.fires).toEqual(listed.slice(0, 2));
    const rest = await api.call("schedules.fires", { scheduleId, cursor: page.nextCursor }, user);
    expect(rest.fires).toEqual(listed.slice(2));
    const { schedules } = await api.call("schedules.list", { limit: 1, lastFires: true }, user);
    expect(schedules[0]?.lastFire).toEqual(listed[0]);
    expect((await api.call("schedules.retrieve", { scheduleId }, user)).fireCount).toBe(3);
  },

  "schedules.upcoming": async ({ api, user }) => {
    const made = await make(api, user, { cron: "0 * * * *", jitterSeconds: 600 });
    const { scheduleId } = made;
    const { fires } = await api.call("schedules.upcoming", { scheduleId, count: 3 }, user);
    expect(fires[0]?.fireAt).toBe(made.nextFireAt ?? "");
    const gaps = fires.slice(1).map((fire, i) => Date.parse(fire.dueAt) - Date.parse(fires[i]?.dueAt ?? ""));
    expect(gaps).toEqual([3_600_000, 3_600_000]);
    for (const fire of fires) {
      const lateMs = Date.parse(fire.fireAt) - Date.parse(fire.dueAt);
      expect(lateMs >= 0 && lateMs < 600_000).toBe(true);
    }
    const [, second, third] = fires;
    const between = { scheduleId, count: 9, after: fires[0]?.dueAt, until: third?.dueAt };
    expect((await api.call("schedules.upcoming", between, user)).fires).toEqual(
      [second, third].filter((fire) => fire !== undefined),
    );
    await api.call("schedules.pause", { scheduleId }, user);
    expect((await api.call("schedules.upcoming", { scheduleId }, user)).fires).toEqual([]);
    // A rare rule is not followed for centuries.
    const rare = await make(api, user, { cron: "0 0 1 1 *" });
    const yearly = await api.call("schedules.upcoming", { scheduleId: rare.scheduleId, count: 500 }, user);
    expect(yearly.fires).toHaveLength(6);
  },

  "schedules.preview": async ({ api, user }) => {
    const ask = { cron: "0 9 * * 1", timeZone: "Asia/Tokyo", count: 2 };
    const preview = await api.call("schedules.preview", ask, user);
    expect(preview).toMatchObject({ words: "at 09:00, Monday", warnings: [] });
    expect(preview.fires).toHaveLength(2);
    for (const fire of preview.fires) {
      expect(new Date(fire.dueAt).getUTCHours()).toBe(0);
      expect(fire.localTime).toMatch(/^Monday.* 09:00:00/);
    }
    expect((await api.refused("schedules.preview", { cron: "often" }, user)).errors?.[0]?.path).toBe("cron");
    const never = await api.refused("schedules.preview", { cron: "0 0 30 2 *" }, user);
    expect(never.errors).toEqual([{ path: "cron", message: "never fires; there is no such date" }]);
  },
} satisfies Partial<Scenarios>;

/** A schedule that does not fire during the test, and whose jobs no node takes. */
export function make(api: Api, user: As, change: Partial<EndpointInput<"schedules.create">> = {}) {
  const job = { command: "true", labels: { never: "there" } };
  return api.call("schedules.create", { cron: "0 0 1 1 *", job, ...change }, user);
}

async function refusesNonsense(api: Api, user: As): Promise<void> {
  const job = { command: "true" };
  const cases: [string, object][] = [
    ["cron", { cron: "61 * * * *", job }],
    ["cron", { cron: "0 0 30 2 *", job }],
    ["timeZone", { cron: "0 0 * * *", timeZone: "Mars/Base", job }],
    ["jitterSeconds", { cron: "*/5 * * * *", jitterSeconds: 301, job }],
    ["job", { cron: "0 0 * * *" }],
    ["job", { cron: "0 0 * * *", job, template: "x" }],
    ["job.command", { cron: "0 0 * * *", job: { command: "" } }],
    ["parameters", { cron: "0 0 * * *", job, parameters: { a: 1 } }],
  ];
  for (const [path, input] of cases) {
    const refused = await api.refused("schedules.create", input, user);
    expect({ path, found: refused.errors?.map((error) => error.path) }).toEqual({ path, found: [path] });
  }
  const missing = { cron: "0 0 * * *", template: "no-such-template" };
  expect((await api.refused("schedules.create", missing, user)).code).toBe("not_found");
}
