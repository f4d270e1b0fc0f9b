import { expect, test } from "bun:test";
import type { Schedule, ScheduleFire } from "../../shared/schedule/schedule.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

const person = forAllTests(await Person.withServer({ agent: [] }));

test("a schedule of every second runs its jobs on time, until it is paused", async () => {
  const args = ["--cron", "* * * * * *", "--tz", "UTC", "--name", "tick", "--", "echo", "tick"];
  const made = await person.run(["schedule", "create", ...args]);
  expect(made.stdout).toMatch(/^sch_[0-9a-z]{26}\n$/);
  expect(made.stderr).toContain("3600 times an hour");
  expect(made.stderr).toContain("every second (UTC)");
  const id = made.stdout.trim();
  const isOnTime = (fire: ScheduleFire) => Date.parse(fire.decidedAt) - Date.parse(fire.dueAt) < 1_000;
  let fires: ScheduleFire[] = [];
  await waitFor(
    "three fires on time",
    async () => {
      fires = await firesOf(id);
      return fires.filter(isOnTime).length >= 3 && fires.every((fire) => fire.status === "SUBMITTED");
    },
    { timeoutMs: 20_000, seen: () => fires },
  );
  await person.get(["schedule", "pause", id]);
  const schedule = JSON.parse(await person.get(["schedule", "get", id, "--json"])) as Schedule;
  expect(schedule).toMatchObject({ status: "PAUSED", name: "tick", cron: "* * * * * *" });
  const jobId = fires[0]?.jobId ?? "";
  expect((await person.run(["job", "wait", jobId])).exitCode).toBe(0);
  expect(await person.get(["job", "logs", jobId])).toBe("tick");
  expect(await person.job(jobId)).toMatchObject({ scheduleId: id, name: "tick" });
  expect(await person.get(["schedule", "list", "--status", "paused"])).toContain(id);
  expect((await person.run(["schedule", "resume", id])).exitCode).toBe(0);
  expect((await person.run(["schedule", "delete", id])).exitCode).toBe(0);
  expect((await person.run(["schedule", "get", id])).exitCode).toBe(66);
});

test("run now prints the job's id; where overlap is forbidden a second run is refused", async () => {
  const create = ["schedule", "create", "--cron", "@yearly", "--overlap", "forbid", "--", "sleep", "600"];
  const id = await person.get(create);
  const jobId = await person.get(["schedule", "run", id]);
  expect(jobId).toMatch(/^job_/);
  const again = await person.run(["schedule", "run", id]);
  expect(again).toMatchObject({ exitCode: 65, stdout: "" });
  expect(again.stderr).toContain("not over");
  await person.get(["job", "cancel", jobId]);
  const past = await person.get(["schedule", "fires", id]);
  expect(past).toContain(jobId);
  const next = await person.get(["schedule", "fires", id, "--next", "3", "--json"]);
  expect(JSON.parse(next)).toHaveLength(3);
});

test("a schedule's rule is described in words, and an error in it names its option", async () => {
  const rule = ["--cron", "30 2 * * 1-5", "--tz", "Europe/Berlin"];
  const preview = await person.get(["schedule", "preview", ...rule, "--next", "2"]);
  expect(preview).toStartWith("at 02:30, Monday to Friday (Europe/Berlin)\nFIRES AT");
  expect(preview.split("\n")).toHaveLength(4);
  const cases: [string[], number, RegExp][] = [
    [["preview"], 64, /--cron: is missing/],
    [["preview", "--cron", "61 * * * *"], 65, /cron: .*minute/],
    [["preview", "--cron", "@daily", "--tz", "Mars"], 65, /timeZone: .*IANA/],
    [["create", "--cron", "@daily"], 64, /neither a command nor a template/],
    [["create", "--cron", "@daily", "--template", "x", "--", "true"], 64, /cannot be used together/],
    [
      ["create", "--cron", "@daily", "--template", "x", "--cpu", "4"],
      64,
      /and --cpu cannot be used together/,
    ],
    [["create", "--cron", "@daily", "--template", "x", "-p", "a=1", "-p", "a=2"], 64, /a is given twice/],
    [["create", "--cron", "@daily", "--image", "an image"], 64, /--image: must be an image reference/],
    [
      ["create", "--cron", "@daily", "--overlap", "never", "--", "true"],
      64,
      /--overlap: must be one of allow/,
    ],
    [["create", "--cron", "@daily", "--template", "no-such"], 66, /no-such/],
    [["fires", "sch_1"], 66, /there is no schedule sch_1/],
  ];
  for (const [args, exitCode, stderr] of cases) {
    const run = await person.run(["schedule", ...args]);
    expect({ args, ...run }).toMatchObject({ args, exitCode, stdout: "" });
    expect(run.stderr).toMatch(stderr);
  }
});

test("a server makes up the fires it missed while it was down, and lists every due time once", async () => {
  const every = ["--cron", "* * * * * *", "--tz", "UTC", "--overlap", "allow"];
  const id = await person.get(["schedule", "create", ...every, "--", "true"]);
  await waitFor("a first fire", async () => (await firesOf(id)).length > 0);
  await person.server.kill();
  await person.server.startAgain();
  const backAtMs = Date.now();
  const fires = await waitFor("a fire after the restart", async () => {
    const found = await firesOf(id);
    return found.some((fire) => Date.parse(fire.dueAt) > backAtMs) && found;
  });
  await person.get(["schedule", "delete", id]);
  const dues = fires.map((fire) => Date.parse(fire.dueAt)).sort();
  const [first = 0] = dues;
  expect(dues).toEqual(Array.from(dues, (_, i) => first + i * 1_000));
  const jobIds = fires.flatMap((fire) => fire.jobId ?? []);
  expect(new Set(jobIds).size).toBe(jobIds.length);
});

async function firesOf(id: string): Promise<ScheduleFire[]> {
  return JSON.parse(await person.get(["schedule", "fires", id, "--past", "100", "--json"])) as ScheduleFire[];
}
