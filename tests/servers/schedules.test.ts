import { expect, test } from "bun:test";
import type { ScheduleFire } from "../../shared/schedule/schedule.ts";
import { Api } from "../support/api.ts";
import { TestMongo } from "../support/mongod.ts";
import { Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { waitFor } from "../support/wait.ts";

const SECONDS = 8;

test("two servers on one store: each due time creates one fire and one job, also while one server is killed", async () => {
  await using mongo = await TestMongo.start();
  await using scratch = await makeScratch();
  const env = { TANVRIT_STORE: mongo.url("schedules") };
  const start = async (name: string) => {
    const running = new Running(
      scratch.path,
      ["server", "--port", "0", "--data-dir", scratch.join(name)],
      env,
    );
    const [, url = ""] = await running.said(/listening on (http:\/\/\S+)/);
    return { running, api: new Api(url) };
  };
  const [made, other] = [await start("a"), await start("b")];
  await using _made = made.running;
  await using _other = other.running;
  const user = await made.api.user();
  const input = { cron: "* * * * * *", job: { command: "true", labels: { never: "there" } } };
  const { scheduleId } = await made.api.call("schedules.create", input, user);
  const fires = () => other.api.call("schedules.fires", { scheduleId, limit: 500 }, user);
  await waitFor("half of the fires", async () => (await fires()).fires.length >= SECONDS / 2);
  // The other server finds due schedules at its next regular check, at most a minute later.
  await made.running.stop("SIGKILL");
  const found = await waitFor(
    "fires of the other server",
    async () => {
      const all = (await fires()).fires;
      return all.length >= SECONDS && all.every((fire) => fire.status === "SUBMITTED") && all;
    },
    { timeoutMs: 80_000 },
  );
  await other.api.call("schedules.pause", { scheduleId }, user);
  expectOneEach(found);
  // A schedule that was due at the moment of the pause may not have its job yet.
  const all = await waitFor("every fire to have its job", async () => {
    const all = (await fires()).fires;
    return all.every((fire) => fire.status === "SUBMITTED") && all;
  });
  const { jobs } = await other.api.call("jobs.list", { limit: 500 }, user);
  expect(jobs.map((job) => job.jobId).sort()).toEqual(all.map((fire) => fire.jobId ?? "").sort());
});

/** No second is missing, and none has two fires. */
function expectOneEach(fires: readonly ScheduleFire[]): void {
  const dues = fires.map((fire) => Date.parse(fire.dueAt)).sort((a, b) => a - b);
  const [first = 0] = dues;
  expect(dues).toEqual(dues.map((_, i) => first + i * 1_000));
}
