import { expect, test } from "bun:test";
import { tmpdir } from "node:os";
import { newId } from "../../shared/ids.ts";
import { SamplingKeeper } from "../limits/sampling-keeper.ts";
import { pause } from "../wait.ts";
import { withMark } from "./marks.ts";
import { ShellTask } from "./shell-task.ts";
import { spawnChild } from "./spawn.ts";

test.skipIf(process.platform !== "linux")("a process of a job that cannot be ended is told of", async () => {
  const executionId = newId("exe");
  const said: string[] = [];
  const cwd = tmpdir();
  const env = { PATH: process.env.PATH ?? "" };
  // Plays one that SIGKILL does not reach: it is there when all have been ended.
  let survivor: Bun.Subprocess | undefined;
  const over = async () => {
    survivor = withMark(executionId, () => Bun.spawn(["sleep", "30"], { cwd, env }));
    await pause(1_100);
  };
  const child = withMark(executionId, () => spawnChild({ command: ["true"], cwd, env, entrance: undefined }));
  const task = new ShellTask(child, {
    executionId,
    output: { write: () => undefined, system: (line) => said.push(line) },
    limits: {},
    stopSignal: "SIGTERM",
    hold: new SamplingKeeper().hold(executionId, {}),
    orphans: { over },
    onEnd: () => {},
  });
  expect(await task.wait()).toEqual({ exitCode: 0 });
  expect(said).toEqual([expect.stringContaining(`could not be ended: ${survivor?.pid}.`)]);
  survivor?.kill("SIGKILL");
  await survivor?.exited;
});
