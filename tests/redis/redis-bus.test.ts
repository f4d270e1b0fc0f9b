import { expect, test } from "bun:test";
import type { BusMessages } from "../../server/bus/bus.ts";
import { RedisBus } from "../../server/bus/redis-bus.ts";
import { textLogger } from "../../shared/logger.ts";
import {
  busContract,
  follow,
  type OpenedBus,
  publishLines,
  record,
  untilHeard,
} from "../contract/bus.contract.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestRedis } from "../support/redis.ts";
import { waitFor, within } from "../support/wait.ts";

interface TwoServers extends OpenedBus {
  here: RedisBus;
  there: RedisBus;
  /** What both servers wrote to their logs. */
  said: string[];
}

const PASSWORD = "p@ss/w?rd";
/** Much shorter than any wait for a response. */
const AT_ONCE_MS = 500;
const redis = forAllTests(await TestRedis.start({ password: PASSWORD }));

busContract("Redis", () => connect(redis));

test("log lines are delivered only where someone follows their job, and only as long as someone does", async () => {
  await using bus = await connect(redis);
  const heard = record(bus.there, "logs");
  const unfollow = [await follow(bus, "job_1"), bus.there.followLogs("job_1", () => undefined)];
  publishLines(bus.here, "job_2", 1, 3);
  publishLines(bus.here, "job_1", 1, 3);
  unfollow[0]?.();
  await untilHeard([heard], 1);
  publishLines(bus.here, "job_1", 4, 6);
  await untilHeard([heard], 2);
  unfollow[1]?.();
  // When another job is followed, the end of the first has already been announced.
  await follow(bus, "job_3");
  publishLines(bus.here, "job_1", 7, 9);
  publishLines(bus.here, "job_3", 1, 1);
  await untilHeard([heard], 3);
  expect(heard.map(({ jobId, firstSeq }) => `${jobId} ${firstSeq}`)).toEqual([
    "job_1 1",
    "job_1 4",
    "job_3 1",
  ]);
  await follow(bus, "job_1");
  publishLines(bus.here, "job_1", 10, 12);
  await untilHeard([heard], 4);
});

test("servers with different prefixes do not hear each other", async () => {
  await using one = await connect(redis);
  await using other = await connect(redis);
  const [here, there] = [record(one.there, "wake"), record(other.there, "wake")];
  one.here.publish("wake", { businessId: "biz_1" });
  other.here.publish("wake", { businessId: "biz_2" });
  await untilHeard([here, there], 1);
  expect([here, there]).toEqual([[{ businessId: "biz_1" }], [{ businessId: "biz_2" }]]);
});

test("while Redis is away publishing does not block, and published messages arrive when it is back", async () => {
  await using own = await TestRedis.start();
  await using bus = await connect(own);
  await follow(bus, "job_1");
  const [wakes, logs] = [record(bus.there, "wake"), record(bus.there, "logs")];
  const local = record(bus.here, "wake");
  let mayHaveMissed = 0;
  bus.there.followLogs("job_1", () => mayHaveMissed++);
  await own.kill();
  await waitFor("both to notice", () => bus.said.filter((line) => line.includes("is away")).length === 2);
  const before = performance.now();
  bus.here.publish("wake", { businessId: "biz_1" });
  publishLines(bus.here, "job_1", 1, 5);
  expect(performance.now() - before).toBeLessThan(AT_ONCE_MS);
  expect(local).toHaveLength(1);
  await own.startAgain();
  await waitFor("both to be back", () => bus.said.filter((line) => line.includes("is back")).length === 2);
  await waitFor("the follower to be notified", () => mayHaveMissed > 0);
  // Whether the other server was back in time for those is chance; from here on it is not.
  bus.here.publish("wake", { businessId: "biz_2" });
  publishLines(bus.here, "job_1", 6, 9);
  await waitFor("the wake", () => wakes.some((one) => one.businessId === "biz_2"));
  await waitFor("the lines", () => logs.some((one) => lastSeqOf(one) === 9));
});

test("the backlog while Redis is away is bounded: the oldest messages are dropped", async () => {
  await using own = await TestRedis.start();
  await using bus = await connect(own);
  const heard = record(bus.there, "jobs");
  await own.kill();
  await waitFor("both to notice", () => bus.said.filter((line) => line.includes("is away")).length === 2);
  for (let i = 0; i < 12_000; i++) bus.here.publish("jobs", { jobIds: [`job_${i}`], businessId: "biz_1" });
  await own.startAgain();
  await waitFor("the last message", () => {
    bus.here.publish("jobs", { jobIds: ["last"], businessId: "biz_1" });
    return heard.at(-1)?.jobIds[0] === "last";
  });
  expect(heard.length).toBeLessThanOrEqual(12_000);
  expect(heard.some((one) => one.jobIds.includes("job_0"))).toBe(false);
});

test("a Redis that does not answer blocks nobody, and closing the bus takes no longer than its limit", async () => {
  await using own = await TestRedis.start();
  const bus = await connect(own);
  own.pause();
  const before = performance.now();
  bus.here.publish("wake", { businessId: "biz_1" });
  expect(performance.now() - before).toBeLessThan(AT_ONCE_MS);
  await within(5_000, "closing", Promise.all([bus.here.close(), bus.there.close()]));
});

test("the log says why there is no bus, without the password", async () => {
  const said: string[] = [];
  const url = `redis://default:wrong-secret@127.0.0.1:${redis.port}`;
  const bus = new RedisBus({ url, prefix: "x:", log: textLogger((line) => said.push(line)) });
  await waitFor("a warning", () => said.length > 0);
  await bus.close();
  expect(said[0]).toContain("the bus is away");
  expect(said[0]).toContain(`127.0.0.1:${redis.port}`);
  expect(said.join("\n")).not.toContain("wrong-secret");
});

async function connect(to: TestRedis): Promise<TwoServers> {
  const said: string[] = [];
  const log = textLogger((line) => said.push(line));
  const prefix = `${crypto.randomUUID()}:`;
  const [here, there] = [0, 1].map(() => new RedisBus({ url: to.url, prefix, log })) as [RedisBus, RedisBus];
  await waitFor("both to be connected", () => said.length === 2, { seen: () => said });
  expect(said.join("\n")).not.toContain(encodeURIComponent(PASSWORD));
  const close = async () => {
    await Promise.all([here.close(), there.close()]);
  };
  return { here, there, said, [Symbol.asyncDispose]: close };
}

function lastSeqOf(message: BusMessages["logs"]): number | undefined {
  return message.lastSeq;
}
