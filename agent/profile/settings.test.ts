import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Logger } from "../../shared/logger.ts";
import { waitFor } from "../../tests/support/wait.ts";
import { agentFile } from "./agent-file.ts";
import { describeNode } from "./describe.ts";
import type { NodeProfile } from "./profile.ts";
import { Settings } from "./settings.ts";
import { watchFile } from "./watch-file.ts";

let dir: string;
let over: AbortController;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "settings-"));
  over = new AbortController();
});
afterEach(() => {
  over.abort();
  rmSync(dir, { recursive: true, force: true });
});

function profileOf(memoryMb: number): NodeProfile {
  const file = agentFile.parse({ limits: { memoryMb } });
  const settings = { name: "n", pool: "default", labels: {}, file, agentVersion: "0" };
  return { description: describeNode(settings), file, gpus: [] };
}

/** Settings from a file that holds a number, the memory limit. `apply` plays the server. */
function stage(apply: (memoryMb: number, signal: AbortSignal) => Promise<void> = async () => {}) {
  const path = join(dir, "agent.yaml");
  writeFileSync(path, "1");
  const said: string[] = [];
  const say = (message: string) => said.push(message);
  const log: Logger = { info: say, warn: say, error: say };
  let reads = 0;
  const read = async (): Promise<NodeProfile> => {
    reads++;
    const memoryMb = Number(readFileSync(path, "utf8"));
    if (Number.isNaN(memoryMb)) throw new Error(`${path}:1:1: limits.memoryMb: no number`);
    return profileOf(memoryMb);
  };
  let ask = () => {};
  const onAsked = (listener: () => void) => {
    ask = listener;
  };
  const applied: number[] = [];
  const settings = new Settings({
    profile: profileOf(1),
    source: { path, read, onAsked },
    log,
    apply: async ({ file }, signal) => {
      await apply(file.limits.memoryMb ?? 0, signal);
      applied.push(file.limits.memoryMb ?? 0);
    },
  });
  void settings.run(over.signal);
  return { path, settings, applied, said, reads: () => reads, ask: () => ask() };
}

test("a changed file is put into force and announced once; a file that was only touched is not", async () => {
  const { path, settings, applied, said } = stage();
  writeFileSync(path, "2");
  await waitFor("the change", () => applied.length === 1);
  writeFileSync(path, "2");
  writeFileSync(`${path}.new`, "3");
  renameSync(`${path}.new`, path);
  await waitFor("the replaced file", () => applied.length === 2);
  expect(applied).toEqual([2, 3]);
  expect(settings.profile.file.limits.memoryMb).toBe(3);
  expect(said.filter((line) => line.startsWith("New settings"))).toHaveLength(2);
});

test("an invalid file is logged once and changes nothing, and its error is gone when the file is valid again", async () => {
  const { path, settings, applied, said, reads, ask } = stage();
  writeFileSync(path, "two");
  await waitFor("the error", () => settings.error !== undefined);
  expect(settings.error).toContain("agent.yaml:1:1: limits.memoryMb");
  expect(settings.profile.file.limits.memoryMb).toBe(1);
  const told = () => said.filter((line) => line.includes("no number"));
  expect(told()).toHaveLength(1);
  const readBefore = reads();
  writeFileSync(path, "three");
  await waitFor("a second look", () => reads() > readBefore);
  expect(told()).toHaveLength(1);
  ask();
  await waitFor("the answer to the request", () => told().length === 2);
  writeFileSync(path, "1");
  await waitFor("the end of the error", () => settings.error === undefined);
  expect(applied).toEqual([]);
});

test("a change while the server does not answer replaces the change before it", async () => {
  let announced = 0;
  const { path, applied } = stage(async (memoryMb, signal) => {
    announced = memoryMb;
    if (memoryMb > 2) return;
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  });
  writeFileSync(path, "2");
  await waitFor("the change to be announced", () => announced === 2);
  writeFileSync(path, "3");
  await waitFor("the newer change", () => applied.length === 1);
  expect(applied).toEqual([3]);
});

test("settings that the server refuses are an error, and are tried again on request", async () => {
  let refused = 0;
  const { path, settings, applied, ask } = stage(async () => {
    if (refused++ === 0) throw new Error("too many labels");
  });
  writeFileSync(path, "2");
  await waitFor("the refusal", () => settings.error !== undefined);
  expect(settings.error).toContain("too many labels");
  ask();
  await waitFor("the second try", () => applied.length === 1);
  expect(settings.error).toBeUndefined();
});

test("a change is noticed when the file is created, when its link changes, and when the link's target is written", async () => {
  let changes = 0;
  const path = join(dir, "agent.yaml");
  watchFile(path, () => changes++, over.signal);
  for (const name of ["..1", "..2"]) {
    mkdirSync(join(dir, name));
    writeFileSync(join(dir, name, "agent.yaml"), name);
  }
  symlinkSync("..1", join(dir, "..data"));
  symlinkSync(join("..data", "agent.yaml"), path);
  await waitFor("the new file", () => changes === 1);
  symlinkSync("..2", join(dir, "..data_tmp"));
  renameSync(join(dir, "..data_tmp"), join(dir, "..data"));
  await waitFor("the changed link", () => changes === 2);
  writeFileSync(join(dir, "..2", "agent.yaml"), "more");
  await waitFor("the write to its target", () => changes === 3);
});
