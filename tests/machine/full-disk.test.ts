import { afterAll, beforeAll, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { Person } from "../support/person.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { waitFor } from "../support/wait.ts";

const DISK_MB = 64;
const NEEDED_MB = 32;

const person = await Person.withServer();
let disk: SmallDisk | undefined;

beforeAll(() => {
  if (SmallDisk.isPossible) disk = SmallDisk.mount(person.home.join("agent"), DISK_MB);
});
afterAll(async () => {
  await person.stopAgents();
  disk?.[Symbol.dispose]();
  await person[Symbol.asyncDispose]();
});

test.skipIf(!SmallDisk.isPossible)(
  "when its disk fills up, an agent takes no new jobs but finishes the running ones; with room again it takes jobs",
  async () => {
    await Bun.write(person.home.join("agent.yaml"), JSON.stringify({ minFreeDiskMb: NEEDED_MB }));
    const agent = await person.startAgent(["--slots", "2"]);
    const gate = person.home.join("gate");
    const running = await person.submit([
      "--",
      "sh",
      "-c",
      `until [ -e ${gate} ]; do sleep 0.1; done; echo on`,
    ]);
    await waitFor(`job ${running} to run`, async () => (await person.job(running)).status === "RUNNING");
    const ballast = `${disk?.path}/ballast`;
    await Bun.write(ballast, new Uint8Array((DISK_MB - NEEDED_MB + 8) * 1024 * 1024));
    await agent.said(/Taking no new jobs: only \d+ MiB are free below .*, and 32 MiB must be/, 30_000);
    const waiting = await person.submit(["--", "echo", "later"]);
    expect(await person.get(["job", "why", waiting])).toContain("32 MiB must be");
    await Bun.write(gate, "");
    await person.get(["job", "wait", running]);
    expect(await person.get(["job", "logs", running])).toBe("on");
    expect((await person.job(waiting)).status).toBe("QUEUED");
    rmSync(ballast);
    await agent.said(/Taking new jobs again/, 30_000);
    await person.get(["job", "wait", waiting]);
    expect(await person.get(["job", "logs", waiting])).toBe("later");
  },
);
