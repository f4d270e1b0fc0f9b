import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { jobManifest } from "../../shared/manifest.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { openSqliteStores } from "../compose/open-sqlite.ts";
import { newJob } from "./job-rules.ts";

test("container jobs of an older release that shared a queue are put into separate queues if they ask for different things", async () => {
  await using scratch = await makeScratch();
  const by = { businessId: newId("biz"), userId: newId("usr") };
  const container = (...mounts: string[]) => {
    const docker = {
      mounts: mounts.map((source) => ({ type: "bind", source, target: "/data" })),
    };
    return newJob(by, jobManifest.parse({ type: "DOCKER", image: "a", docker }), {}, 0);
  };
  const jobs = [
    container("/tmp"),
    container(),
    container(),
    newJob(by, jobManifest.parse({ command: "true" }), {}, 0),
  ];
  const older = openSqliteStores(scratch.path);
  await older.jobs.insert(jobs.map((job) => ({ job, idempotency: undefined })));
  await older.close();
  using file = new Database(scratch.join("compute.db"));
  file.run("UPDATE compute_jobs SET queue_key = 'shared/' || user_id WHERE manifest LIKE '%DOCKER%'");
  file.run("DELETE FROM compute_migrations WHERE id = 'job-4'");
  file.close();
  const stores = openSqliteStores(scratch.path);
  const keys: (string | undefined)[] = [];
  for (const { jobId } of jobs) keys.push((await stores.jobs.find(by.businessId, jobId))?.queueKey);
  await stores.close();
  const [mounts, plain, alike, command] = keys;
  expect(alike).toBe(plain);
  expect(mounts).not.toBe(plain);
  expect(command).toBe(jobs[3]?.queueKey);
  for (const key of keys) expect(key).toEndWith(`/${by.userId}`);
});
