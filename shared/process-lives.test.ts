import { expect, test } from "bun:test";
import { processLives } from "./process-lives.ts";

test("a process lives until it has ended and is reaped", async () => {
  const child = Bun.spawn(["cat"], { stdin: "pipe" });
  expect(processLives(child.pid)).toBe(true);
  child.kill("SIGKILL");
  await child.exited;
  expect(processLives(child.pid)).toBe(false);
  expect(processLives(1)).toBe(true);
});

test("what is no process id is no process: a group, all processes, or a number that is not whole", () => {
  for (const pid of [0, -1, -process.pid, 1.5, Number.NaN]) expect(processLives(pid)).toBe(false);
});
