import { expect, test } from "bun:test";
import { statfsSync } from "node:fs";
import { Person } from "../support/person.ts";
import { makeScratch } from "../support/scratch.ts";
import { TestServer } from "../support/server.ts";
import { SmallDisk } from "../support/small-disk.ts";
import { waitFor } from "../support/wait.ts";

const DISK_MB = 48;

test.skipIf(!SmallDisk.isPossible)(
  "a job that fills the server's disk can be cancelled and deleted, and then jobs run again",
  async () => {
    await using scratch = await makeScratch();
    using disk = SmallDisk.mount(scratch.join("data"), DISK_MB);
    await using server = await TestServer.start({ TANVRIT_DATA_DIR: disk.path });
    await using person = await Person.signIn(server);
    const agent = await person.startAgent(["--slots", "2"]);
    const culprit = await person.submit(["--", "sh", "-c", "seq 1 12000000; exec sleep 600"]);
    await agent.said(/The server's disk is full/, 60_000);

    const refused = await person.run(["job", "submit", "--", "true"]);
    expect(refused.exitCode).toBe(75);
    expect(refused.stderr).toContain("Make room there, or cancel and delete jobs");
    expect(statfsSync(disk.path).bavail).toBeGreaterThan(0);

    await person.get(["job", "cancel", culprit]);
    await waitFor(`job ${culprit} to end`, async () => (await person.job(culprit)).status === "CANCELLED");
    expect((await person.job(culprit)).message).toContain("the server's disk was full");
    await person.get(["job", "delete", culprit]);
    await waitFor("room for a job", async () => {
      const { exitCode, stdout } = await person.run(["job", "run", "--", "echo", "room"]);
      return exitCode === 0 && stdout === "room\n";
    });
    await person.stopAgents();
  },
);
