import { expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { makeScratch } from "../../tests/support/scratch.ts";
import { readTextFile } from "../input/read-file.ts";
import { BatchFile } from "./batch-file.ts";

test("a pipe, which can be read only once, is checked as a whole and then submitted as a whole", async () => {
  await using scratch = await makeScratch();
  const pipe = scratch.join("jobs");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  const lines = ["one", "two", "three"].map((name) => JSON.stringify({ name, command: ["true"] }));
  const writer = Bun.spawn(["sh", "-c", 'printf "%s\\n" "$@" > "$0"', pipe, ...lines]);
  await using batchFile = await BatchFile.open(pipe);
  expect(await batchFile.check()).toBe(3);
  const batches = await Array.fromAsync(batchFile.batches());
  expect(batches.flat().map(({ manifest }) => manifest.name)).toEqual(["one", "two", "three"]);
  expect(await writer.exited).toBe(0);
});

test("a line from a pipe that never ends is refused once it is longer than a job may be, and leaves no file", async () => {
  const before = await spools();
  await expect(BatchFile.open("/dev/zero")).rejects.toThrow("is longer than a job may be");
  expect((await spools()).filter((name) => !before.includes(name))).toEqual([]);
});

test("a line that JSON would silently change is refused with line and field", async () => {
  await using scratch = await makeScratch();
  const file = scratch.join("jobs.jsonl");
  const lines = ['{"command":"a"}', '{"command":"a","command":"b"}', '{"command":"a","env":{"V":1.10}}'];
  await Bun.write(file, lines.join("\n"));
  await using batchFile = await BatchFile.open(file);
  const failure = await batchFile.check().catch((error: Error) => error);
  expect(String((failure as Error).message).split("\n")).toEqual([
    `${file}:2:16: command: appears twice; keep one of them`,
    `${file}:3:23: env.V: JSON would change 1.10 to 1.1 here; write it in quotes, as "1.10"`,
  ]);
});

test("a file of jobs may be a device; an empty device contains no job", async () => {
  await using batchFile = await BatchFile.open("/dev/null");
  const failure = await batchFile.check().catch((error: Error) => error);
  expect((failure as Error).message).toBe("/dev/null contains no job; write one JSON object per line");
  expect(await readTextFile("/dev/null")).toBe("");
});

async function spools(): Promise<string[]> {
  return (await readdir(tmpdir())).filter((name) => name.startsWith("tanvrit-batch-"));
}
