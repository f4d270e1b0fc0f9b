import { expect } from "bun:test";
import { createComputeClient } from "../../sdk/index.ts";
import type { ActivityEvent } from "../../shared/activity.ts";
import { describeNode, PlayedNode } from "../support/played-node.ts";
import { waitFor } from "../support/wait.ts";
import { runningJob } from "./job-endpoints.ts";
import type { Scenarios } from "./stage.ts";

/** A scenario for each endpoint that shows what happens in a business. */
export const activityScenarios = {
  "activity.stream": async ({ api }) => {
    const user = await api.newUser();
    const { token = "" } = user;
    const compute = createComputeClient({ url: api.url, token });
    const leaving = new AbortController();
    const events = compute.activity.follow({ signal: leaving.signal });
    expect(await events.next()).toMatchObject({ value: { event: "ready", id: expect.any(String) } });
    const { jobId } = await api.call("jobs.submit", { command: "true", labels: { never: "there" } }, user);
    expect(await untilEvent(events, "jobs")).toMatchObject({ jobIds: [jobId], more: false });
    const { nodeId } = await PlayedNode.register(api, user);
    expect(await untilEvent(events, "nodes")).toMatchObject({ nodeIds: [nodeId] });
    const schedule = { cron: "0 0 1 1 *", job: { command: "true" } };
    const { scheduleId } = await api.call("schedules.create", schedule, user);
    const last = await untilEvent(events, "schedules");
    expect(last).toMatchObject({ scheduleIds: [scheduleId] });
    leaving.abort();
    // What happened while nobody was connected is told to a reader that comes back, and no more than that.
    await api.call("jobs.cancel", { jobId }, user);
    const back = compute.activity.follow({ lastEventId: last.id });
    expect(await back.next()).toMatchObject({ value: { event: "ready" } });
    expect(await untilEvent(back, "jobs")).toMatchObject({ jobIds: [jobId], more: false });
    await back.return();
    const stranger = compute.activity.follow({ lastEventId: "another.7" });
    expect(await stranger.next()).toMatchObject({ value: { event: "reset", id: expect.any(String) } });
    await stranger.return();
    const refused = compute.activity.follow({ lastEventId: "7" });
    await expect(refused.next()).rejects.toMatchObject({ code: "invalid_request" });
  },

  "stats.overview": async (stage) => {
    const user = await stage.api.newUser();
    const api = stage.api;
    const none = { count: 0, more: false };
    const empty = await api.call("stats.overview", {}, user);
    expect(empty).toMatchObject({
      jobs: { QUEUED: none },
      nodes: { ACTIVE: 0 },
      slots: { total: 0, used: none },
    });
    expect(empty.oldestQueued).toBeUndefined();
    const running = await runningJob({ api, user });
    const failed = await runningJob({ api, user });
    await failed.node.report(failed.executionId, "FAILED", { exitCode: 1 });
    const { jobId } = await api.call(
      "jobs.submit",
      { command: "true", name: "waits", labels: { x: "y" } },
      user,
    );
    await api.call("jobs.submit", { command: "true", after: [{ jobId: running.jobId }] }, user);
    const overview = await waitFor("the numbers to be counted again", async () => {
      const counted = await api.call("stats.overview", {}, user);
      return counted.jobs.QUEUED.count === 2 ? counted : undefined;
    });
    const one = { count: 1, more: false };
    const { slots } = describeNode().description.capacity;
    expect(overview).toMatchObject({
      jobs: { RUNNING: one, FAILED: one, SUCCESS: none },
      failedLastDay: one,
      nodes: { ACTIVE: 2, OFFLINE: 0 },
      slots: { total: 2 * slots, used: one },
      oldestQueued: { jobId, name: "waits", waitingSeconds: expect.any(Number) },
    });
  },

  "stats.series": async ({ api }) => {
    const user = await api.newUser();
    const { node, executionId } = await runningJob({ api, user });
    const { at, columns, stepSeconds } = await api.call("stats.series", {}, user);
    expect(stepSeconds).toBe(10);
    for (const column of Object.values(columns)) expect(column).toHaveLength(at.length);
    // What happened a moment ago is not in the store yet; stats.test.ts lets time pass.
    const ofExecution = { of: { kind: "execution" as const, id: executionId } };
    expect((await api.call("stats.series", ofExecution, user)).columns).toEqual({ cpu: [], memoryMb: [] });
    const ofNode = { of: { kind: "node" as const, id: node.nodeId } };
    expect(Object.keys((await api.call("stats.series", ofNode, user)).columns)).toContain("cpuPeak");
    const long = { since: "2020-01-01T00:00:00Z", maxPoints: 10 };
    expect((await api.call("stats.series", long, user)).at.length).toBeLessThanOrEqual(12);
    const none = { since: "2026-01-02T00:00:00Z", until: "2026-01-01T00:00:00Z" };
    expect((await api.refused("stats.series", none, user)).code).toBe("invalid_request");
    const unknown = { of: { kind: "node", id: "node_00000000000000000000000000" } };
    expect((await api.refused("stats.series", unknown, user)).code).toBe("not_found");
    const stranger = await api.newUser();
    for (const theirs of [ofNode, ofExecution]) {
      expect((await api.refused("stats.series", theirs, stranger)).code).toBe("not_found");
    }
  },
} satisfies Partial<Scenarios>;

async function untilEvent<Name extends ActivityEvent["event"]>(
  events: AsyncGenerator<ActivityEvent, void, void>,
  name: Name,
) {
  for (;;) {
    const { value } = await events.next();
    if (!value) throw new Error(`the stream ended before ${name}`);
    if (value.event === name)
      return { id: value.id ?? "", ...(value.data as Extract<ActivityEvent, { event: Name }>["data"]) };
  }
}
