import { describe, expect, test } from "bun:test";
import { ActivityHub } from "../../server/activity/activity-hub.ts";
import type { Bus, BusMessages } from "../../server/bus/bus.ts";
import type { StreamEvent } from "../../server/http/handler.ts";
import { packLines, unpackLines } from "../../shared/packed-lines.ts";
import { logLines } from "../support/log-world.ts";
import { waitFor } from "../support/wait.ts";

export interface OpenedBus extends AsyncDisposable {
  /**
   * The bus on which one server publishes, and the bus on which another server hears it. Both are the same if there is
   * only one.
   */
  here: Bus;
  there: Bus;
}

/** What every bus promises, between two servers if it connects several. */
export function busContract(name: string, open: () => Promise<OpenedBus>): void {
  describe(`bus on ${name}`, () => {
    test("a message reaches every subscriber of its topic on every server once, and nobody else", async () => {
      await using bus = await open();
      const heard = [bus.here, bus.here, bus.there].map((one) => record(one, "wake"));
      const others = record(bus.there, "node");
      bus.here.publish("wake", { businessId: "biz_1" });
      bus.here.publish("wake", { businessId: "biz_1", nodeId: "node_1" });
      await untilHeard(heard, 2);
      bus.there.publish("wake", { businessId: "biz_2" });
      await untilHeard(heard, 3);
      for (const one of heard) {
        expect(one.map(({ businessId, nodeId }) => nodeId ?? businessId)).toEqual([
          "biz_1",
          "node_1",
          "biz_2",
        ]);
      }
      expect(others).toEqual([]);
    });

    test("what people look at changes for those at another server, too", async () => {
      await using bus = await open();
      const hub = new ActivityHub(bus.there);
      const leaving = new AbortController();
      const changes = hub.read("biz_1", { lastEventId: undefined, follow: true, signal: leaving.signal });
      expect((await changes.next()).value).toMatchObject([{ event: "ready" }]);
      const change = { businessId: "biz_1", subject: "schedules", ids: ["sch_1"] } as const;
      // Until the bus is connected, messages to others may be lost.
      const again = setInterval(() => bus.here.publish("activity", change), 50);
      let told: unknown;
      do {
        const events: StreamEvent[] = (await changes.next()).value ?? [];
        told = events.find(({ event }) => event === "schedules")?.data;
      } while (told === undefined);
      clearInterval(again);
      expect(told).toEqual({ scheduleIds: ["sch_1"], more: false });
      leaving.abort();
      hub.close();
    });

    test("a subscriber on the same server is called before publish returns", async () => {
      await using bus = await open();
      const heard = record(bus.here, "jobs");
      bus.here.publish("jobs", { jobIds: ["job_1"], businessId: "biz_1" });
      expect(heard).toHaveLength(1);
    });

    test("messages of one server arrive in order, however many there are", async () => {
      await using bus = await open();
      const heard = record(bus.there, "jobs");
      const sent = Array.from({ length: 5_000 }, (_, i) => `job_${i}`);
      for (const [i, jobId] of sent.entries()) {
        bus.here.publish("jobs", { jobIds: [jobId], businessId: "biz_1" });
        if (i % 500 === 0) await new Promise(setImmediate);
      }
      await untilHeard([heard], sent.length);
      expect(heard.flatMap((message) => message.jobIds)).toEqual(sent);
    });

    test("a subscriber that has unsubscribed is not called any more; the others still are", async () => {
      await using bus = await open();
      const left: unknown[] = [];
      const unsubscribe = bus.there.subscribe("node", (message) => left.push(message));
      const heard = record(bus.there, "node");
      unsubscribe();
      unsubscribe();
      bus.here.publish("node", { nodeId: "node_1", businessId: "biz_1" });
      await untilHeard([heard], 1);
      expect(left).toEqual([]);
    });

    test("log lines of a followed job arrive whole and in order, also when another server follows it", async () => {
      await using bus = await open();
      const heard = record(bus.there, "logs");
      await follow(bus, "job_1");
      for (let seq = 1; seq <= 2_000; seq += 10) publishLines(bus.here, "job_1", seq, seq + 9);
      const seqs = () => heard.flatMap((batch) => unpackLines(batch).map((line) => line.seq));
      await waitFor("all lines", () => seqs().length >= 2_000, { seen: () => seqs().length });
      expect(seqs()).toEqual(Array.from({ length: 2_000 }, (_, i) => i + 1));
      expect(heard[0] && unpackLines(heard[0])).toEqual(logLines(1, 10));
    });

    test("events of a followed workflow arrive in order, also when another server follows it", async () => {
      await using bus = await open();
      const heard = record(bus.there, "workflow");
      await follow(bus, "job_1");
      const events = [{ type: "job" as const, job: { key: "build" } }];
      for (let from = 0; from < 500; from++)
        bus.here.publish("workflow", { jobId: "job_1", executionId: "exe_1", attempt: 1, from, events });
      await untilHeard([heard], 500);
      expect(heard.map(({ from }) => from)).toEqual(Array.from({ length: 500 }, (_, i) => i));
      expect(heard[0]?.events).toEqual(events);
    });

    test("after close nothing is delivered, and publishing does not throw", async () => {
      await using bus = await open();
      const heard = record(bus.here, "wake");
      await bus.here.close();
      bus.here.publish("wake", { businessId: "biz_1" });
      expect(heard).toEqual([]);
    });
  });
}

/** Resolves when the job's lines reach `there`. */
export async function follow(bus: Pick<OpenedBus, "here" | "there">, jobId: string): Promise<() => void> {
  if (bus.here === bus.there) return bus.there.followLogs(jobId, () => undefined);
  let isFollowed = false;
  const unfollow = bus.there.followLogs(jobId, () => {
    isFollowed = true;
  });
  await waitFor(`${jobId} to be followed`, () => isFollowed);
  return unfollow;
}

export function record<Topic extends keyof BusMessages>(bus: Bus, topic: Topic): BusMessages[Topic][] {
  const heard: BusMessages[Topic][] = [];
  bus.subscribe(topic, (message) => heard.push(message));
  return heard;
}

export function publishLines(bus: Bus, jobId: string, first: number, last: number): void {
  bus.publish("logs", { jobId, executionId: "exe_1", attempt: 1, ...packLines(logLines(first, last)) });
}

export async function untilHeard(heard: readonly unknown[][], count: number): Promise<void> {
  const counts = () => heard.map((one) => one.length);
  await waitFor(`${count} messages`, () => counts().every((n) => n >= count), { seen: counts });
}
