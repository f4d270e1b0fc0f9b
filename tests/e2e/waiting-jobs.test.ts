import { expect, test } from "bun:test";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";

const person = forAllTests(await Person.withServer({ agent: ["--slots", "8"] }));

test("an array runs each index once, with its index in TANVRIT_ARRAY_INDEX, and is waited for as one job", async () => {
  const marks = person.home.join("marks");
  const id = await person.submit([
    "--array",
    "1-12%3",
    "--",
    "sh",
    "-c",
    `echo $TANVRIT_ARRAY_INDEX >> ${marks}`,
  ]);
  expect((await person.run(["job", "wait", id])).exitCode).toBe(0);
  const ran = (await Bun.file(marks).text()).trim().split("\n").map(Number);
  expect(ran.sort((a, b) => a - b)).toEqual(Array.from({ length: 12 }, (_, i) => i + 1));
  expect(await person.job(id)).toMatchObject({ status: "SUCCESS", message: "12 of 12 jobs succeeded." });
});

test("--retry-on selects a killed command by the exit code of job wait, and by the signal's name", async () => {
  for (const rule of ["137", "SIGKILL", "128-159"]) {
    const killed = ["--", "sh", "-c", "kill -9 $$"];
    const id = await person.submit(["--max-retries", "1", "--retry-on", rule, ...killed]);
    expect((await person.run(["job", "wait", id])).exitCode).toBe(137);
    expect(await person.job(id)).toMatchObject({ attempt: 2, retryCount: 1 });
  }
});

test("the same command line with a relative start time and one key is one job", async () => {
  const line = ["--not-before", "+10m", "--idempotency-key", "nightly", "--", "true"];
  const first = await person.submit(line);
  expect(await person.submit(line)).toBe(first);
  const startsInMs = Date.parse((await person.job(first)).notBefore ?? "") - Date.now();
  expect(startsInMs).toBeWithin(500_000, 600_001);
});

test("a failed pipeline is retried as a whole, each step after the one before it", async () => {
  const file = person.home.join("artifact");
  const build = await person.submit([
    "--name",
    "pp-build",
    "--",
    "sh",
    "-c",
    `test -e ${file}.ok && echo x > ${file}`,
  ]);
  const deploy = await person.submit(["--name", "pp-deploy", "--after", build, "--", "cat", file]);
  expect((await person.run(["job", "wait", deploy])).exitCode).toBe(130);
  const alone = await person.run(["job", "retry", build]);
  expect(alone.stderr).toContain(`1 job after it was skipped`);
  expect((await person.run(["job", "wait", build])).exitCode).toBe(1);
  await Bun.write(`${file}.ok`, "");
  expect((await person.run(["job", "retry", "--name", "pp-*"])).exitCode).toBe(0);
  expect((await person.run(["job", "wait", build, deploy])).exitCode).toBe(0);
});

test("--after runs a job when the other has ended as required, and skips it otherwise", async () => {
  const first = await person.submit(["--", "sh", "-c", "sleep 0.3; exit 4"]);
  const skipped = await person.submit(["--after", first, "--", "true"]);
  const afterFailure = await person.submit(["--after", `${first}:failure`, "--", "true"]);
  expect((await person.run(["job", "wait", afterFailure])).exitCode).toBe(0);
  expect((await person.run(["job", "wait", skipped])).exitCode).toBe(130);
  expect(await person.job(skipped)).toMatchObject({ status: "CANCELLED", reason: "Skipped", attempt: 0 });
});

test("a concurrency group runs one job at a time, in submission order, and job why says what a job waits for", async () => {
  const [marks, go] = [person.home.join("group"), person.home.join("go")];
  const ids: string[] = [];
  for (let i = 0; i < 4; i++) {
    const script = `echo in ${i} >> ${marks}; until [ -e ${go} ]; do sleep 0.05; done; echo out ${i} >> ${marks}`;
    ids.push(await person.submit(["--concurrency-group", "deploy", "--", "sh", "-c", script]));
  }
  expect(await person.get(["job", "why", ids[3] ?? ""])).toContain("concurrency group deploy");
  await Bun.write(go, "");
  expect((await person.run(["job", "wait", ...ids])).exitCode).toBe(0);
  const lines = (await Bun.file(marks).text()).trim().split("\n");
  expect(lines).toEqual([0, 1, 2, 3].flatMap((i) => [`in ${i}`, `out ${i}`]));
});

test("--not-before holds a job back until then, and --queue-ttl ends a job that no node takes", async () => {
  // Far enough in the future that it still waits, however slow this machine is.
  const muchLater = await person.submit(["--not-before", "+1h", "--", "true"]);
  const startedAtMs = Date.now();
  const later = await person.submit(["--not-before", "+1s", "--", "true"]);
  expect(await person.get(["job", "why", muchLater])).toContain("waits until");
  expect((await person.run(["job", "wait", later])).exitCode).toBe(0);
  expect(Date.now() - startedAtMs).toBeGreaterThanOrEqual(1_000);
  await person.get(["job", "cancel", muchLater]);
  const never = await person.submit(["--queue-ttl", "1", "--label", "planet=mars", "--", "true"]);
  expect((await person.run(["job", "wait", never])).exitCode).toBe(124);
  expect(await person.job(never)).toMatchObject({ status: "TIMEOUT", reason: "QueueExpired" });
});

test("--retry-on retries only for the reasons it names", async () => {
  const marks = person.home.join("tries");
  const script = `echo x >> ${marks}; exit 75`;
  const options = ["--max-retries", "1", "--retry-on"];
  const named = await person.submit([...options, "75,NodeLost", "--", "sh", "-c", script]);
  expect((await person.run(["job", "wait", named])).exitCode).toBe(75);
  expect((await person.job(named)).retryCount).toBe(1);
  const other = await person.submit([...options, "1", "--", "sh", "-c", script]);
  expect((await person.run(["job", "wait", other])).exitCode).toBe(75);
  expect((await person.job(other)).retryCount).toBe(0);
  expect((await Bun.file(marks).text()).split("x").length - 1).toBe(3);
});
