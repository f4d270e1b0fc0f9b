import { expect, test } from "bun:test";
import { cpSync, existsSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { forAllTests } from "../support/for-all-tests.ts";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";

const server = forAllTests(await TestServer.start());
const person = forAllTests(await Person.signIn(server));

const dataDir = () => server.scratch.join("data");
const ofServer = (...args: string[]) => person.run(["server", ...args, "--data-dir", dataDir()]);

test("a backup of a working server is complete and private, and restores what the server had", async () => {
  const agent = await person.startAgent(["--slots", "4"]);
  const kept = await person.submit(["--wait", "--", "echo", "before"]);
  const target = person.home.join("backup");
  const burst = Promise.all([1, 2, 3].map(() => person.submit(["--", "seq", "1", "2000"])));
  const made = await ofServer("backup", target, "--json");
  expect(made).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(made.stdout)).toMatchObject({ directory: target });
  const ids = await burst;
  for (const name of readdirSync(target)) {
    expect([name, (statSync(`${target}/${name}`).mode & 0o777).toString(8)]).toEqual([name, "600"]);
  }
  expect((statSync(target).mode & 0o777).toString(8)).toBe("700");
  const later = await person.submit(["--wait", "--", "echo", "after the backup"]);
  await person.get(["job", "wait", ...ids]);

  expect((await ofServer("backup", target)).stderr).toContain("is not empty");
  const running = await ofServer("restore", target, "--replace");
  expect(running).toMatchObject({ exitCode: 69 });
  await server.stop();
  expect(await ofServer("restore", target)).toMatchObject({ exitCode: 65 });
  expect(await ofServer("restore", target, "--replace")).toMatchObject({ exitCode: 0 });
  expect(await ofServer("check")).toMatchObject({ exitCode: 0 });
  await server.startAgain();
  expect((await person.job(kept)).status).toBe("SUCCESS");
  expect(await person.get(["job", "logs", kept])).toBe("before");
  expect((await person.run(["job", "get", later])).exitCode).toBe(66);
  // The session and the agent's key are still valid.
  expect((await person.run(["job", "run", "--", "echo", "goes on"])).stdout).toBe("goes on\n");
  expect(agent.process.exitCode).toBeNull();
  await person.stopAgents();
});

test("a stopped server can be backed up too; a file that is not a store is not restored", async () => {
  await server.stop();
  const target = person.home.join("stopped");
  expect(await ofServer("backup", target)).toMatchObject({ exitCode: 0 });
  const elsewhere = person.home.join("elsewhere");
  expect(await person.run(["server", "restore", target, "--data-dir", elsewhere])).toMatchObject({
    exitCode: 0,
  });
  expect(await person.run(["server", "check", "--data-dir", elsewhere])).toMatchObject({ exitCode: 0 });
  await Bun.write(person.home.join("broken/compute.db"), "no store at all");
  const broken = await person.run([
    "server",
    "restore",
    person.home.join("broken"),
    "--data-dir",
    person.home.join("new"),
  ]);
  expect(broken).toMatchObject({ exitCode: 65 });
  expect(existsSync(person.home.join("new/compute.db"))).toBe(false);
  await server.startAgain();
});

test("du shows what the server stores, and prune makes room, while the server runs", async () => {
  await person.startAgent();
  const loud = await person.submit(["--wait", "--", "seq", "1", "300000"]);
  const usage = async () => JSON.parse((await ofServer("du", "--json")).stdout);
  const before = await usage();
  expect(before.logBytes).toBeGreaterThan(1_000_000);
  expect((await ofServer("prune")).exitCode).toBe(64);
  const dry = await ofServer("prune", "--logs-older-than", "0s", "--dry-run", "--json");
  expect(JSON.parse(dry.stdout).logs).toBeGreaterThanOrEqual(1);
  expect((await usage()).logBytes).toBe(before.logBytes);
  expect(await ofServer("prune", "--logs-older-than", "0s")).toMatchObject({ exitCode: 0 });
  const after = await usage();
  expect(after).toMatchObject({ logBytes: 0, jobs: before.jobs });
  expect(after.usedBytes + after.freeBytes).toBeLessThan(before.usedBytes - 1_000_000);
  const log = await person.run(["job", "logs", loud]);
  expect(log.stdout).toBe("");
  expect(log.stderr).toContain("no longer keeps 300000 lines of this log");
  await ofServer("prune", "--jobs-older-than", "0s");
  expect((await usage()).jobs).toBe(0);
  await person.stopAgents();
});

test("a backup in which a file was replaced by a link or a pipe is refused immediately, and nothing is restored", async () => {
  const made = person.home.join("to-forge");
  expect(await ofServer("backup", made)).toMatchObject({ exitCode: 0 });
  const target = person.home.join("restored");
  for (const name of ["compute.db", "secret.key"]) {
    for (const forge of [["mkfifo"], ["ln", "-s", "/dev/zero"], ["ln", "-s", "/etc/passwd"]]) {
      const forged = person.home.join("forged");
      cpSync(made, forged, { recursive: true });
      rmSync(join(forged, name));
      expect(Bun.spawnSync([...forge, join(forged, name)]).exitCode).toBe(0);
      expect(await person.run(["server", "restore", forged, "--data-dir", target])).toMatchObject({
        exitCode: 65,
        stderr: expect.stringContaining("is not a plain file"),
      });
      expect(existsSync(join(target, "compute.db"))).toBe(false);
      rmSync(forged, { recursive: true });
    }
  }
});
