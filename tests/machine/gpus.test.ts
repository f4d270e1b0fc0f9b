import { expect, test } from "bun:test";
import { chmod, mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Person } from "../support/person.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

const FIXTURES = join(import.meta.dirname, "..", "..", "agent", "detectors", "fixtures", "nvidia");
const EIGHT = join(FIXTURES, "550.54.15-h100-x8");

const SHOW = 'echo "$CUDA_VISIBLE_DEVICES"';

/** A person whose nvidia-smi is this script. */
async function ownerOf(server: TestServer, script: string): Promise<Person> {
  const person = await Person.signIn(server);
  const bin = person.home.join("bin");
  await mkdir(bin);
  await writeFile(join(bin, "nvidia-smi"), `#!/bin/sh\n${script}\n`);
  await chmod(join(bin, "nvidia-smi"), 0o755);
  return person;
}

const pathOf = (person: Person) => ({ PATH: `${person.home.join("bin")}:${process.env.PATH}` });

test("each job sees its own GPUs by UUID, up to the owner's limit, and jobs without GPUs see none", async () => {
  await using server = await TestServer.start();
  await using person = await ownerOf(server, `cat '${EIGHT}'.$([ "$1" = -L ] && echo list.txt || echo xml)`);
  await writeFile(person.home.join("agent.yaml"), "limits: {gpuCount: 5}\n");
  await person.startAgent(["--slots", "8"], pathOf(person));
  const list = await readFile(`${EIGHT}.list.txt`, "utf8");
  const uuids = [...list.matchAll(/UUID: (GPU-[^)]+)/g)].map(([, uuid = ""]) => uuid);
  const meeting = person.home.join("together");
  await mkdir(meeting);
  // Each job waits until both have started, so that they run at the same time.
  const meet = `touch '${meeting}'/$TANVRIT_JOB_ID; until [ $(ls '${meeting}' | wc -l) = 2 ]; do sleep 0.05; done`;
  const show = `${meet}; ${SHOW}`;
  const pair = await Promise.all(
    [0, 1].map(() =>
      person.submit(["--gpus", "2", "--selector", "gpu.memoryMb>=80000,cuda", "--", "sh", "-c", show]),
    ),
  );
  const seen = await Promise.all(pair.map((id) => devicesOf(person, id)));
  expect(new Set(seen.flat()).size).toBe(4);
  for (const uuid of seen.flat()) expect(uuids.slice(0, 5)).toContain(uuid);

  const none = await person.submit(["--env", "CUDA_VISIBLE_DEVICES=0", "--", "sh", "-c", SHOW]);
  expect(await devicesOf(person, none)).toEqual([""]);
  const six = await person.submit(["--gpus", "6", "--", "true"]);
  expect((await person.job(six)).unschedulableReason).toMatch(/GPU/);
});

test("a hanging nvidia-smi delays the start of an agent by no more than its timeout, and is logged", async () => {
  await using server = await TestServer.start();
  await using person = await ownerOf(server, "trap '' TERM; sleep 600 & wait");
  const startMs = performance.now();
  const agent = await person.startAgent([], pathOf(person));
  // 5 s, plus the time to start and register on a busy machine. The tool would take ten minutes.
  expect(performance.now() - startMs).toBeLessThan(5_000 + 10_000);
  expect(agent.stderr).toContain("nvidia-smi did not answer within 5 s");
  const id = await person.submit(["--", "true"]);
  await person.get(["job", "wait", id]);
  expect((await person.job(id)).status).toBe("SUCCESS");
});

test("after a restart that finds the GPUs in another order, a job gets a GPU that no other job holds", async () => {
  const two = join(FIXTURES, "550.54.15-rtx-4090-and-3060");
  await using server = await TestServer.start();
  await using person = await ownerOf(
    server,
    `if [ "$1" = -L ]; then cat '${two}.list.txt'; else cat "\${0%/*}/../report.xml"; fi`,
  );
  const report = await readFile(`${two}.xml`, "utf8");
  await writeFile(person.home.join("report.xml"), report);
  const first = await person.startAgent(["--slots", "3"], pathOf(person));
  const mark = person.home.join("go");
  const show = `${SHOW}; until [ -e '${mark}' ]; do sleep 0.05; done`;
  const before = await person.submit(["--gpus", "1", "--", "sh", "-c", show]);
  await waitFor("the job to run", async () => (await person.job(before)).status === "RUNNING");
  await first.stop("SIGKILL");

  const [head = "", one = "", other = ""] = report.split(/(?=<gpu id=)/);
  const [last, end] = other.split("</gpu>");
  await writeFile(person.home.join("report.xml"), `${head}${last}</gpu>${one}${end}`);
  await person.startAgent(["--slots", "3"], pathOf(person));
  const after = await person.submit(["--gpus", "1", "--", "sh", "-c", SHOW]);
  const [device] = await devicesOf(person, after);
  await writeFile(mark, "");
  const [held] = await devicesOf(person, before);
  expect([held, device].sort()).toEqual(
    [...report.matchAll(/<uuid>(GPU-[^<]+)/g)].map(([, uuid]) => uuid).sort(),
  );
});

async function devicesOf(person: Person, id: string): Promise<string[]> {
  await person.get(["job", "wait", id]);
  return (await person.get(["job", "logs", id])).split(",");
}
