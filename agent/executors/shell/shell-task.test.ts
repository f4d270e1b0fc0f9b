import { expect, spyOn, test } from "bun:test";
import { tmpdir } from "node:os";
import { newId } from "../../../shared/ids.ts";
import type { KeptChild } from "../../keeper/kept-child.ts";
import { SamplingEnforcer } from "../../limits/sampling-enforcer.ts";
import { ShellTask } from "./shell-task.ts";
import { spawnChild } from "./spawn.ts";

test.skipIf(process.platform !== "linux")("a process of a job that cannot be ended is reported", async () => {
  const executionId = newId("exe");
  const said: string[] = [];
  const cwd = tmpdir();
  const env = { PATH: process.env.PATH ?? "" };
  const handle = new SamplingEnforcer().limit(executionId, {});
  const child = await spawnChild({
    executionId,
    command: ["true"],
    cwd,
    env,
    handle,
    account: undefined,
    openFiles: undefined,
  });
  const kept = child.kept as KeptChild;
  // Plays a process that SIGKILL does not reach: it still lives after the job has been ended.
  const survivor = Bun.spawn(["sleep", "30"], { cwd, env });
  spyOn(kept, "end").mockImplementation(async () => false);
  spyOn(kept, "members").mockImplementation(() => [survivor.pid]);
  const task = new ShellTask(child, {
    executionId,
    outputRoot: cwd,
    output: { write: () => undefined, system: (line) => said.push(line) },
    limits: {},
    stopSignal: "SIGTERM",
    stopsItsChildren: false,
    handle,
    onEnd: () => {},
  });
  expect(await task.wait()).toEqual({ exitCode: 0 });
  expect(said).toEqual([expect.stringContaining(`could not be ended: sleep (${survivor.pid}, `)]);
  survivor.kill("SIGKILL");
  await survivor.exited;
});
