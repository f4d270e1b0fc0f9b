import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "2"] }));

/** Each job writes a line in two pieces, and a line to stderr; the third job fails. */
const SCRIPT =
  'printf "part "; sleep 0.7; echo "i=$TANVRIT_ARRAY_INDEX"; echo "e$TANVRIT_ARRAY_INDEX" >&2; test "$TANVRIT_ARRAY_INDEX" != 3 || exit 2';
const ARRAY = ["--array", "1-4%2", "--", "sh", "-c", SCRIPT];

for (const start of [["run"], ["submit", "--follow"]]) {
  test(`job ${start.join(" ")} --array shows the lines of every job with its name, and names the failed job`, async () => {
    const run = await person.run(["job", ...start, "--name", "sweep", ...ARRAY]);
    expect(run.exitCode).toBe(1);
    const lines = run.stdout.trimEnd().split("\n").toSorted();
    expect(lines).toEqual([1, 2, 3, 4].map((i) => `sweep[${i}]: part i=${i}`));
    for (const i of [1, 2, 3, 4]) expect(run.stderr).toContain(`sweep[${i}]: e${i}\n`);
    expect(run.stderr).toMatch(/sweep\[3\] job_\w+ FAILED: exit code 2\n/);
    expect(run.stderr).toContain("3 of 4 jobs succeeded.");
  });
}

test("job logs, wait, list and get of an array cover all its jobs, in index order", async () => {
  const id = await person.submit(ARRAY);
  const waited = await person.run(["job", "wait", id]);
  expect(waited.exitCode).toBe(1);
  expect(waited.stderr).toMatch(/\[3\] job_\w+ FAILED: exit code 2\n/);
  expect(await person.get(["job", "logs", id])).toBe(
    [1, 2, 3, 4].map((i) => `[${i}]: part i=${i}`).join("\n"),
  );
  expect(await person.get(["job", "logs", "--no-prefix", "-n", "1", id])).not.toContain("[");
  const log = await person.get(["job", "logs", "--json", id]);
  const lines = Bun.JSONL.parse(log) as { index: number; jobId: string }[];
  expect([...new Set(lines.map((line) => line.index))]).toEqual([1, 2, 3, 4]);
  const listed = JSON.parse(await person.get(["job", "list", "--array", id, "--json"]));
  expect(listed.map((job: { env: Record<string, string> }) => job.env.TANVRIT_ARRAY_INDEX)).toEqual([
    "1",
    "2",
    "3",
    "4",
  ]);
  expect(lines[0]?.jobId).toBe(listed[0].jobId);
  const failed = await person.get(["job", "list", "--array", id, "--status", "failed", "--json"]);
  expect(JSON.parse(failed)).toHaveLength(1);
  const shown = await person.get(["job", "get", id]);
  expect(shown).toContain("jobs: 1 FAILED, 3 SUCCESS");
  expect(shown).not.toContain("attempt:");
});

test("job logs separates the attempts, and can show a single attempt", async () => {
  const id = await person.submit([
    "--max-retries",
    "2",
    "--",
    "sh",
    "-c",
    "echo try $TANVRIT_ATTEMPT; exit 1",
  ]);
  await person.run(["job", "wait", id]);
  const whole = await person.run(["job", "logs", id]);
  expect(whole.stdout).toBe("try 1\ntry 2\ntry 3\n");
  expect(whole.stderr).toBe("tanvrit-compute: attempt 2\ntanvrit-compute: attempt 3\n");
  expect(await person.get(["job", "logs", "--attempt", "1", id])).toBe("try 1");
  expect(await person.get(["job", "logs", "--previous", id])).toBe("try 2");
  expect((await person.run(["job", "logs", "--attempt", "4", id])).exitCode).toBe(66);
  expect((await person.run(["job", "logs", "--attempt", "1", "-n", "2", id])).exitCode).toBe(64);
  const once = await person.submit(["--wait", "--", "true"]);
  expect((await person.run(["job", "logs", "--previous", once])).exitCode).toBe(66);
});
