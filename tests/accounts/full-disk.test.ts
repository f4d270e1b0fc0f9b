import { expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { FilesOfJobs } from "../support/files-of-jobs.ts";
import { Person } from "../support/person.ts";
import { Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { waitFor } from "../support/wait.ts";

/** It is in this suite because only root can mount a disk that fills up quickly. */
test("a server with a full disk is not ready but stays up, and is ready again when there is space", async () => {
  await using scratch = await makeScratch();
  const data = scratch.join("data");
  mkdirSync(data);
  expect(Bun.spawnSync(["mount", "-t", "tmpfs", "-o", "size=6m,mode=0700", "tmpfs", data]).exitCode).toBe(0);
  try {
    await using server = new Running(scratch.path, ["server", "--port", "0", "--data-dir", data]);
    const [, url] = await server.said(/listening on (http:\/\/\S+)/);
    const statusOf = async (path: string) => (await fetch(url + path)).status;
    const becomes = (status: number) =>
      waitFor(`/readyz to answer ${status}`, async () => (await statusOf("/readyz")) === status || undefined);
    await becomes(200);
    const fill = scratch.join("data", "fill");
    try {
      for (;;) writeFileSync(fill, new Uint8Array(64 * 1024), { flag: "a" });
    } catch (error) {
      expect((error as { code?: string }).code).toBe("ENOSPC");
    }
    await becomes(503);
    expect(await statusOf("/healthz")).toBe(200);
    rmSync(fill);
    await becomes(200);
  } finally {
    Bun.spawnSync(["umount", "--lazy", data]);
  }
});

test("a job whose files do not fit on the node's disk does not start: its file and the missing room are named", async () => {
  await using person = await Person.withServer();
  using _ = SmallDisk.mount(person.home.join("agent"), 24);
  await Bun.write(person.home.join("agent.yaml"), "minFreeDiskMb: 1\n");
  await person.startAgent();
  const jobs = await FilesOfJobs.of(person);
  const fits = await jobs.input({ small: "x" });
  const from = await jobs.input({ "data/big.bin": new Uint8Array(randomBytes(40 * 1024 * 1024)) });
  const failed = await jobs.run({ command: "true", inputs: [{ from, to: "in" }] });
  expect(failed).toMatchObject({ status: "FAILED", reason: "StartFailed" });
  expect(failed.message).toMatch(
    /^The file in\/data\/big\.bin of the job cannot be fetched: the disk of this node has no room below .*, and \d.* MiB are still to come\.$/,
  );
  expect(await jobs.run({ command: "cat small", inputs: [{ from: fits }] })).toMatchObject({
    status: "SUCCEEDED",
  });
});
