import { describe, expect, test } from "bun:test";
import { Patience, whoIsLeft } from "./patience.ts";

/** Looks 20 times a second. Returns the number of seconds until patience is over. */
function secondsUntilOver(left: number[], obstacleOf: (pid: number, seconds: number) => string | undefined) {
  let nowMs = 0;
  const patience = new Patience(
    () => nowMs,
    (pid) => obstacleOf(pid, nowMs / 1_000) as "hangs in the kernel" | undefined,
  );
  while (!patience.isOver(() => left)) nowMs += 50;
  return Math.round(nowMs / 1_000);
}

describe("the agent stops trying to end processes", () => {
  test("after five seconds in which none of the remaining processes can be ended", () => {
    expect(secondsUntilOver([1, 2], () => "hangs in the kernel")).toBe(6);
    expect(
      secondsUntilOver([1, 2], (pid) => (pid === 1 ? "of another account" : "hangs in the kernel")),
    ).toBe(6);
  });

  test("only after a minute if one of them merely waits for its turn to run", () => {
    expect(secondsUntilOver([1, 2], (pid) => (pid === 1 ? "hangs in the kernel" : undefined))).toBe(60);
    expect(secondsUntilOver([], () => "hangs in the kernel")).toBe(60);
  });

  test("not because a process waits for a disk now and then", () => {
    const ofEvenSeconds = (_: number, seconds: number) =>
      Math.floor(seconds) % 2 ? undefined : "hangs in the kernel";
    expect(secondsUntilOver([1], ofEvenSeconds)).toBe(60);
  });
});

test.skipIf(process.platform !== "linux")(
  "the message names the processes that still live, at most ten of them",
  async () => {
    const sleepers = Array.from({ length: 12 }, () => Bun.spawn(["sleep", "30"]));
    const pids = sleepers.map(({ pid }) => pid);
    const said = whoIsLeft(pids);
    expect(said).toContain(`${pids[9]}, killed and still ending) and 2 more. `);
    expect(said).toContain(`could not be ended: sleep (${pids[0]}, `);
    for (const sleeper of sleepers) sleeper.kill("SIGKILL");
    await Promise.all(sleepers.map(({ exited }) => exited));
    expect(whoIsLeft(pids)).toBeUndefined();
  },
);
