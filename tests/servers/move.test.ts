import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { openSqliteStores } from "../../server/compose/open-sqlite.ts";
import { MoveSource } from "../../server/migrate/source.ts";
import { notMoved } from "../../server/migrate/tables.ts";
import { jobOf } from "../contract/control-plane.contract.ts";
import type { Api, As } from "../support/api.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { TestMongo } from "../support/mongod.ts";
import { Person } from "../support/person.ts";
import { Running, runProgram } from "../support/program.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";

/** Enough for several chunks of the largest table, so that the move can be killed in the middle. */
const MANY_JOBS = 40_000;

const mongo = forAllTests(await TestMongo.start());
let databases = 0;

test("every table and every column of the embedded store is moved, or is reported as not moved", async () => {
  await using scratch = await makeScratch();
  await openSqliteStores(scratch.path).close();
  using source = MoveSource.open(scratch.path);
  expect(source.unknownParts()).toEqual([]);
  expect(notMoved).toEqual(["compute_migrations", "compute_job_labels", "compute_business_numbers"]);
});

test("a table or column that no code moves is named", async () => {
  await using scratch = await makeScratch();
  await openSqliteStores(scratch.path).close();
  const sql = "CREATE TABLE compute_news (a TEXT); ALTER TABLE compute_users ADD COLUMN shoe_size INTEGER";
  const db = new Database(scratch.join("compute.db"));
  db.exec(sql);
  db.close();
  const { exitCode, stderr } = await migrate(scratch, newDatabase());
  expect(exitCode).toBe(65);
  expect(stderr).toContain("compute_news, compute_users.shoe_size");
});

test("an installation that was moved keeps its jobs, logs and tokens, and its agent keeps its key", async () => {
  const url = newDatabase();
  await using old = await TestServer.start();
  await using person = await Person.signIn(old);
  const agent = await person.startAgent(["--slots", "4"]);
  const submits = Array.from({ length: 6 }, (_, i) =>
    person.submit(["--wait", "--name", `moved-${i}`, "--", "sh", "-c", `echo line of ${i}; echo second`]),
  );
  const ids = await Promise.all(submits);
  const waiting = await person.submit(["--label", "not=there", "--idempotency-key", "once", "--", "true"]);
  const token = await person.get(["auth", "print-token"]);
  await addOneOfEverything(old.api, { token }, waiting);
  const before = await everything(old.api, { token });
  expect(before.jobs).toHaveLength(8);

  const refused = await migrate(old.scratch, url, ["--from", `sqlite:${old.scratch.join("data")}`]);
  expect(refused).toMatchObject({ exitCode: 69, stdout: "" });
  expect(refused.stderr).toContain("in use by another server");

  await old.stop();
  const from = ["--from", `sqlite:${old.scratch.join("data")}`];
  const dry = await migrate(old.scratch, url, [...from, "--dry-run"]);
  expect(dry).toMatchObject({ exitCode: 0 });
  expect(dry.stdout).toMatch(/compute_jobs\s+8\s/);
  expect(await mongo.withClient((client) => client.db(databaseOf(url)).collections())).toEqual([]);

  const moved = await migrate(old.scratch, url, [...from, "--json"]);
  expect(moved).toMatchObject({ exitCode: 0 });
  const { tables } = JSON.parse(moved.stdout) as {
    tables: { table: string; rows: number; same: boolean }[];
  };
  expect(tables.filter((table) => !table.same)).toEqual([]);
  const rows = Object.fromEntries(tables.map((table) => [table.table, table.rows]));
  expect(rows).toMatchObject({
    compute_jobs: 8,
    compute_executions: 6,
    compute_nodes: 1,
    compute_users: 1,
  });

  expect(moved.stderr).toContain(`encrypted with ${old.scratch.join("data")}/secret.key`);
  await old.startAgain({ TANVRIT_STORE: url, TANVRIT_SECRET_KEY_FILE: old.scratch.join("data/secret.key") });
  expect(await everything(old.api, { token })).toEqual(before);
  for (const [i, jobId] of ids.entries()) {
    expect(await person.get(["job", "logs", jobId])).toBe(`line of ${i}\nsecond`);
  }
  const again = ["--label", "not=there", "--idempotency-key", "once", "--", "true"];
  expect(await person.submit(again)).toBe(waiting);
  // The agent that ran all the time, with its old key.
  expect((await person.run(["job", "run", "--", "echo", "still here"])).stdout).toBe("still here\n");
  expect(agent.process.exitCode).toBeNull();
  const withSecret = ["job", "run", "--secret-env", "A=token", "--", "sh", "-c", 'printf %s "$A" | wc -c'];
  expect((await person.run(withSecret)).stdout).toBe("11\n");

  const twice = await migrate(old.scratch, url, from);
  expect(twice).toMatchObject({ exitCode: 0 });
  expect(twice.stderr).toContain("nothing is left to do");
});

test("a move that was killed resumes where it was and stores nothing twice; until it is complete no server starts there", async () => {
  await using scratch = await filledSource();
  const url = newDatabase();
  const args = ["server", "migrate", "--from", `sqlite:${scratch.path}`, "--to", url];
  await using first = new Running(scratch.path, args);
  await first.said(/compute_jobs: \d+ of \d+/);
  await first.stop("SIGKILL");
  const jobs = await countJobs(url);
  expect(jobs).toBeGreaterThan(0);
  expect(jobs).toBeLessThan(MANY_JOBS);

  await using server = new Running(scratch.path, ["server", "--port", "0"], { TANVRIT_STORE: url });
  expect(await server.ended()).toBe(69);
  expect(server.stderr).toContain("the move is not complete yet");

  const second = await migrate(scratch, url);
  expect(second).toMatchObject({ exitCode: 0 });
  expect(second.stdout).not.toContain("DIFFERENT");
  expect(await countJobs(url)).toBe(MANY_JOBS);
});

test("a source that changed between two runs is noticed, and a restart corrects it", async () => {
  await using scratch = await filledSource(20);
  const url = newDatabase();
  expect((await migrate(scratch, url)).exitCode).toBe(0);
  // As if the first run had been killed before its end, and a server had then run on the source.
  await mongo.withClient(async (client) => {
    const db = client.db(databaseOf(url));
    await db.collection("compute_moves").updateOne({}, { $unset: { finished_at: "" } });
    await db.collection("compute_jobs").deleteOne({});
  });
  const different = await migrate(scratch, url);
  expect(different).toMatchObject({ exitCode: 65 });
  expect(different.stdout).toMatch(/compute_jobs .*DIFFERENT/);
  expect((await migrate(scratch, url, ["--restart"])).exitCode).toBe(0);
  expect(await countJobs(url)).toBe(20);
});

test("a target that holds any other data is refused and not changed", async () => {
  await using scratch = await filledSource(3);
  await using other = await filledSource(2);
  const url = newDatabase();
  expect((await migrate(other, url)).exitCode).toBe(0);
  const { exitCode, stderr } = await migrate(scratch, url);
  expect(exitCode).toBe(65);
  expect(stderr).toContain("another installation");
  expect(await countJobs(url)).toBe(2);

  const used = newDatabase();
  await using server = await TestServer.start({ TANVRIT_STORE: used });
  await server.stop();
  const second = await migrate(scratch, used);
  expect(second.exitCode).toBe(65);
  expect(second.stderr).toContain("already has other data");
});

test("an error about a URL or a path does not contain its password", async () => {
  await using scratch = await filledSource(1);
  const gone = "mongodb://anna:secret@127.0.0.1:1/x?replicaSet=rs0&serverSelectionTimeoutMS=500";
  const cases = [
    { url: gone, exitCode: 69, says: "mongodb://127.0.0.1:1/x" },
    { url: "postgres://anna:secret@host/x", exitCode: 64, says: "--to: must be a URL like mongodb://" },
    { url: "mongodb://anna:secret@host/x?replicaSet=", exitCode: 78, says: "cannot be used" },
  ];
  for (const { url, exitCode, says } of cases) {
    const refused = await migrate(scratch, url);
    expect(refused).toMatchObject({ exitCode, stdout: "" });
    expect(refused.stderr).toContain(says);
    expect(refused.stderr).not.toContain("secret");
  }
  const empty = ["--from", `sqlite:${scratch.join("nothing")}`];
  expect(await migrate(scratch, newDatabase(), empty)).toMatchObject({ exitCode: 66 });
});

function migrate(scratch: Scratch, url: string, args: string[] = []) {
  const from = args.includes("--from") ? [] : ["--from", `sqlite:${scratch.path}`];
  return runProgram(scratch.path, ["server", "migrate", ...from, "--to", url, ...args], {
    timeoutMs: 60_000,
  });
}

/** A data directory with jobs and a secret, as a server leaves it. */
async function filledSource(jobs = MANY_JOBS): Promise<Scratch> {
  const scratch = await makeScratch();
  const stores = openSqliteStores(scratch.path);
  await stores.sessions.secret("test");
  const many = Array.from({ length: jobs }, () => ({
    job: jobOf("biz"),
    idempotency: undefined,
  }));
  await stores.jobs.insert(many);
  await stores.close();
  return scratch;
}

/** Rows for the tables that jobs alone leave empty. */
async function addOneOfEverything(api: Api, as: As, jobId: string): Promise<void> {
  await api.call("jobs.submit", { command: "true", after: [{ jobId }], env: { A: "$x.y" } }, as);
  const schedule = {
    name: "nightly",
    cron: "30 2 * * *",
    job: { command: "true", labels: { not: "there" } },
  };
  const { scheduleId } = await api.call("schedules.create", schedule, as);
  await api.call("schedules.pause", { scheduleId }, as);
  await api.call("templates.create", { name: "mine", job: { command: "true" } }, as);
  await api.call("templates.edit", { template: "mine", job: { command: "false" } }, as);
  const valueBase64 = Buffer.from("hello world").toString("base64");
  await api.call("secrets.set", { name: "token", valueBase64 }, as);
  await api.call("enrolments.create", { pool: "farm", labels: { disk: "ssd" } }, as);
  const { userId } = await api.call("auth.whoami", {}, as);
  await api.call("credits.grant", { user: userId, amountMicroUsd: 5_000_000_000, reason: "thanks" }, as);
}

/** What a person sees of the installation. */
async function everything(api: Api, as: As) {
  const { nodes } = await api.call("nodes.list", {}, as);
  const { templates } = await api.call("templates.list", { limit: 100 }, as);
  return {
    jobs: (await api.call("jobs.list", { limit: 100 }, as)).jobs,
    executions: (await api.call("executions.list", {}, as)).executions,
    // Its agent keeps running, so the other fields of a node change.
    nodes: nodes.map(({ nodeId, name, createdAt }) => ({ nodeId, name, createdAt })),
    schedules: (await api.call("schedules.list", {}, as)).schedules,
    templates,
    versions: await api.call("templates.versions", { template: "mine" }, as),
    balance: await api.call("credits.balance", {}, as),
    secrets: (await api.call("secrets.list", {}, as)).secrets,
    enrolments: (await api.call("enrolments.list", {}, as)).enrolments,
    ledger: (await api.call("credits.ledger", {}, as)).entries,
  };
}

function countJobs(url: string): Promise<number> {
  return mongo.withClient((client) => client.db(databaseOf(url)).collection("compute_jobs").countDocuments());
}

function newDatabase(): string {
  databases++;
  return mongo.url(`move_${databases}`);
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1);
}
