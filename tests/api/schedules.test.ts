import { expect, test } from "bun:test";
import { type CallId, type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { TestPlane } from "../support/plane.ts";
import { waitFor } from "../support/wait.ts";
import { make } from "./schedule-endpoints.ts";

test("a schedule of another business is answered like one that does not exist, and is in no list", async () => {
  await using plane = await TestPlane.start();
  const { api } = plane;
  const mine = await plane.api.user("mine");
  const theirs = await plane.api.user("theirs");
  const made = await make(api, mine);
  const { scheduleId } = made;
  const ids = (Object.keys(endpoints) as EndpointId[]).filter(
    (id) => id.startsWith("schedules.") && "scheduleId" in endpoints[id].input.shape,
  );
  expect(ids).toContain("schedules.run");
  for (const id of ids as CallId[]) {
    expect({ id, code: (await api.refused(id, { scheduleId }, theirs)).code }).toEqual({
      id,
      code: "not_found",
    });
  }
  expect((await api.call("schedules.list", {}, theirs)).schedules).toEqual([]);
  const { warnings: _, ...unchanged } = made;
  expect(await api.call("schedules.retrieve", { scheduleId }, mine)).toEqual(unchanged);
  // As a filter it finds nothing of others.
  await api.call("schedules.run", { scheduleId }, mine);
  expect((await api.call("jobs.list", { scheduleId }, mine)).jobs).toHaveLength(1);
  expect((await api.call("jobs.list", { scheduleId }, theirs)).jobs).toEqual([]);
  expect((await api.call("jobs.count", { scheduleId }, theirs)).count).toBe(0);
  for (const change of ["jobs.cancel-matching", "jobs.retry-matching", "jobs.delete-matching"] as const) {
    expect(await api.call(change, { scheduleId }, theirs)).toMatchObject({ matched: 0 });
  }
});

test("a waiting fire begins as soon as the job before it is over", async () => {
  await using plane = await TestPlane.start();
  const { api } = plane;
  const user = await plane.api.user();
  for (const overlap of ["queue", "replace"] as const) {
    const { scheduleId } = await make(api, user, { overlap });
    const first = await api.call("schedules.run", { scheduleId }, user);
    const second = await api.call("schedules.run", { scheduleId }, user);
    if (overlap === "queue") {
      expect(second.status).toBe("WAITING");
      expect((await api.refused("schedules.run", { scheduleId }, user)).code).toBe("conflict");
      await api.call("jobs.cancel", { jobId: first.jobId ?? "" }, user);
    }
    // Well before the regular check.
    const newest = await waitFor(
      "the second fire",
      async () => {
        const [fire] = (await api.call("schedules.fires", { scheduleId }, user)).fires;
        return fire?.status === "SUBMITTED" && fire;
      },
      { timeoutMs: 3_000 },
    );
    expect(newest.fireId).toBe(second.fireId);
    expect(newest.jobId).not.toBe(first.jobId);
    const before = await api.call("jobs.retrieve", { jobId: first.jobId ?? "" }, user);
    expect(before.status).toBe("CANCELLED");
  }
});

test("a due schedule fires by itself, with the announced jitter, and the job says where it came from", async () => {
  await using plane = await TestPlane.start();
  const { api } = plane;
  const user = await plane.api.user();
  const made = await make(api, user, { cron: "*/5 * * * *", jitterSeconds: 200, name: "often" });
  const { scheduleId } = made;
  const waitSeconds = (Date.parse(made.nextFireAt ?? "") - Date.now()) / 1_000;
  plane.pass(waitSeconds - 5);
  expect((await api.call("schedules.fires", { scheduleId }, user)).fires).toEqual([]);
  plane.pass(5);
  const fire = await waitFor("the fire", async () => {
    const [one] = (await api.call("schedules.fires", { scheduleId }, user)).fires;
    return one?.status === "SUBMITTED" && one;
  });
  expect(fire.trigger).toBe("clock");
  expect(Date.parse(fire.decidedAt)).toBeGreaterThanOrEqual(Date.parse(made.nextFireAt ?? ""));
  const [job, ...others] = (await api.call("jobs.list", {}, user)).jobs;
  expect(others).toEqual([]);
  expect(job).toMatchObject({ scheduleId, name: "often", jobId: fire.jobId ?? "" });
});

test("a template is filled in again for every fire; if the template was deleted, the fire says so", async () => {
  await using plane = await TestPlane.start();
  const { api } = plane;
  const user = await plane.api.user();
  const parameters = [{ name: "who", type: "string" as const, required: true }];
  const job = { command: ["echo", "{{who}}"], labels: { never: "there" } };
  const { templateId } = await api.call("templates.create", { name: "greet", parameters, job }, user);
  const rule = { cron: "*/5 * * * *", template: "greet" };
  expect((await api.refused("schedules.create", rule, user)).code).toBe("invalid_request");
  const { scheduleId } = await api.call("schedules.create", { ...rule, parameters: { who: "you" } }, user);
  const { jobId = "" } = await api.call("schedules.run", { scheduleId }, user);
  expect(await api.call("jobs.retrieve", { jobId }, user)).toMatchObject({
    ...{ scheduleId, templateId },
    command: ["echo", "you"],
  });
  await api.call("templates.delete", { template: "greet" }, user);
  expect((await api.refused("schedules.run", { scheduleId }, user)).code).toBe("conflict");
  plane.pass(300);
  const failed = await waitFor("the fire that fails", async () => {
    const [fire] = (await api.call("schedules.fires", { scheduleId }, user)).fires;
    return fire?.trigger === "clock" && fire;
  });
  expect(failed).toMatchObject({ status: "FAILED", message: expect.stringContaining("greet") });
});
