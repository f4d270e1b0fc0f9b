import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Person } from "../support/person.ts";
import { waitFor } from "../support/wait.ts";

const TEST_TIMEOUT_MS = 90_000;
const DISK_MB = 64;
const NEEDED_MB = 32;

/** Only root may make a disk to fill, and not in every container. */
const CAN_MOUNT = canMount();

let person: Person;
let disk: string;

beforeAll(async () => {
  person = await Person.withServer();
  disk = person.home.join("agent");
  mkdirSync(disk, { recursive: true });
  if (CAN_MOUNT) mount(disk);
}, TEST_TIMEOUT_MS);
afterAll(async () => {
  await person?.stopAgents();
  if (CAN_MOUNT) unmount(disk);
  await person?.[Symbol.asyncDispose]();
});

test.skipIf(!CAN_MOUNT)(
  "a disk that fills up while the agent runs keeps new jobs off, not those that run; with room again they start",
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
    const ballast = `${disk}/ballast`;
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
  TEST_TIMEOUT_MS,
);

function mount(dir: string): boolean {
  return Bun.spawnSync(["mount", "-t", "tmpfs", "-o", `size=${DISK_MB}m,mode=700`, "none", dir]).success;
}

function unmount(dir: string): void {
  Bun.spawnSync(["umount", "--lazy", dir]);
}

function canMount(): boolean {
  const dir = mkdtempSync(join(tmpdir(), "tanvrit-disk-"));
  const isMounted = mount(dir);
  if (isMounted) unmount(dir);
  rmdirSync(dir);
  return isMounted;
}
