import { expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { Running } from "../support/program.ts";
import { makeScratch } from "../support/scratch.ts";
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
