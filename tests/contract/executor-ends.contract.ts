import { expect, test } from "bun:test";
import { newId } from "../../shared/ids.ts";
import { type ExecutorUnderTest, type Script, Stage } from "./executor-stage.ts";

const NEVER_MS = 3_600_000;
/** From KILL to the end of `wait`, on a busy machine. */
const KILL_LIMIT_MS = 5_000;

/** Ignores TERM. */
const deaf: Script = {
  sh: "trap '' TERM; echo ready; sleep 600",
  play: { says: [["stdout", "ready\n"]], onTerm: "ignores" },
};
/** Cleans up after TERM, for as long as it needs. */
const heeding: Script = {
  sh: `trap 'while [ ! -e go ]; do sleep 0.02; done; echo cleaned; exit 7' TERM
    echo ready; while :; do sleep 0.02; done`,
  play: { says: [["stdout", "ready\n"]], onTerm: "ignores" },
  onGo: { says: [["stdout", "cleaned\n"]], exit: { exitCode: 7 } },
};
/**
 * Leaves behind two kinds of processes. The first kind has a new parent, a new session and no output, and ignores TERM.
 * The second kind can be recognized only by its session and its parent.
 */
const daemons: Script = {
  sh: `spawn() { (trap '' TERM HUP; setsid sh -c 'echo > up.$0; sleep 600; : '$TANVRIT_EXECUTION_ID $1 </dev/null >/dev/null 2>&1 &); }
    spawn 1; spawn 2; spawn 3; sleep 600 &
    unmark=$(command -v prlimit) && unmark="$unmark --locks=9"
    $unmark env -i sh -c 'echo > up.4; sleep 600; : '$TANVRIT_EXECUTION_ID &
    while [ ! -e up.1 ] || [ ! -e up.2 ] || [ ! -e up.3 ] || [ ! -e up.4 ]; do sleep 0.02; done; echo ready`,
  play: { says: [["stdout", "ready\n"]], exit: { exitCode: 0 } },
};

/** How tasks end: by themselves, by `stop`, or by `recover`. Afterwards nothing is left. */
export function executorEndsContract(make: () => Promise<ExecutorUnderTest>): void {
  stopping(make);
  leavingNothing(make);
  recovering(make);
}

function stopping(make: () => Promise<ExecutorUnderTest>): void {
  test("a command that handles TERM gets all the time it needs within its grace", async () => {
    await using stage = await Stage.open(make);
    const started = await stage.start(heeding);
    await started.said("ready");
    started.running.stop(NEVER_MS);
    started.running.stop(NEVER_MS * 2); // a longer grace is ignored, and TERM is not sent again
    await started.go();
    expect(await started.ended()).toEqual({ exitCode: 7 });
    expect(started.stdout).toBe("ready\ncleaned\n");
    expect(await stage.remains(started.executionId)).toEqual([]);
  });

  test("a command that ignores TERM is killed when its grace is over, and not before", async () => {
    await using stage = await Stage.open(make);
    const started = await stage.start(deaf);
    await started.said("ready");
    const graceMs = 400;
    const beforeMs = performance.now();
    started.running.stop(graceMs);
    const returnedMs = performance.now() - beforeMs;
    expect(await started.ended()).toEqual({ signal: "SIGKILL" });
    const tookMs = performance.now() - beforeMs;
    expect(returnedMs).toBeLessThan(graceMs);
    expect(tookMs).toBeGreaterThanOrEqual(graceMs - 5);
    expect(tookMs).toBeLessThan(graceMs + KILL_LIMIT_MS);
  });

  test("a second stop can shorten the grace, down to nothing", async () => {
    await using stage = await Stage.open(make);
    for (const graceMs of [100, 0]) {
      const started = await stage.start(deaf);
      await started.said("ready");
      const beforeMs = performance.now();
      started.running.stop(NEVER_MS);
      started.running.stop(graceMs);
      started.running.stop(NEVER_MS);
      expect(await started.ended()).toEqual({ signal: "SIGKILL" });
      expect(performance.now() - beforeMs).toBeLessThan(graceMs + KILL_LIMIT_MS);
    }
  });

  test("a command that has just started can be stopped; stopping a finished command does nothing", async () => {
    await using stage = await Stage.open(make);
    const started = await stage.start({ sh: "sleep 600", play: {} });
    started.running.stop(0);
    const exit = await started.ended();
    expect(exit).toEqual({ signal: "SIGKILL" });
    started.running.stop(0);
    started.running.stop(1_000);
    expect(await started.running.wait()).toEqual(exit);

    const byItself = await stage.run({ sh: "exit 5", play: { exit: { exitCode: 5 } } });
    byItself.started.running.stop(1_000);
    byItself.started.running.stop(0);
    expect(await byItself.started.running.wait()).toEqual({ exitCode: 5 });
  });

  test("a command whose output nobody reads ends when its output has been read", async () => {
    await using stage = await Stage.open(make);
    const reader = Promise.withResolvers<void>();
    const script: Script = {
      sh: "while :; do echo flood; done",
      play: { endless: "flood\n", onTerm: "ignores" },
    };
    const started = await stage.start(script, { onWrite: () => reader.promise });
    await started.said("flood");
    started.running.stop(0);
    reader.resolve();
    expect(await started.ended()).toEqual({ signal: "SIGKILL" });
    expect(started.stdout).toMatch(/^(flood\n)+(flood|floo|flo|fl|f)?$/);
    expect(await stage.remains(started.executionId)).toEqual([]);
  });
}

function leavingNothing(make: () => Promise<ExecutorUnderTest>): void {
  test("background children of a command neither keep it running nor outlive it", async () => {
    await using stage = await Stage.open(make);
    const script: Script = {
      sh: "sleep 600 & echo done",
      play: { says: [["stdout", "done\n"]], exit: { exitCode: 0 } },
    };
    const { exit, started } = await stage.run(script);
    expect(exit).toEqual({ exitCode: 0 });
    expect(started.stdout).toBe("done\n");
    expect(await stage.remains(started.executionId)).toEqual([]);
  });

  test("daemons that forked twice, have their own session and ignore TERM end with their command", async () => {
    await using stage = await Stage.open(make);
    const { exit, started } = await stage.run(daemons);
    expect(exit).toEqual({ exitCode: 0 });
    expect(started.stdout).toBe("ready\n");
    expect(await stage.remains(started.executionId)).toEqual([]);
  });

  test("such daemons also end when the command is stopped", async () => {
    await using stage = await Stage.open(make);
    const script = { sh: `${daemons.sh}; sleep 600`, play: { says: daemons.play.says ?? [] } };
    for (const graceMs of [0, 200]) {
      const started = await stage.start(script);
      await started.said("ready");
      started.running.stop(graceMs);
      expect(await started.ended()).toEqual({ signal: graceMs > 0 ? "SIGTERM" : "SIGKILL" });
      expect(await stage.remains(started.executionId)).toEqual([]);
    }
  });
}

function recovering(make: () => Promise<ExecutorUnderTest>): void {
  test("recover ends what a dead agent left running, and nothing else; a second call finds nothing to do", async () => {
    await using stage = await Stage.open(make);
    await using neighbour = await Stage.open(make);
    const bystander = await neighbour.start(heeding);
    await bystander.said("ready");
    const left = [newId("exe"), newId("exe")];
    const script = { ...daemons, sh: `${daemons.sh}; sleep 600`, play: {} };
    await stage.under.leaveBehind(script, left);
    for (const id of left) expect(await stage.remains(id)).not.toEqual([]);
    const successor = stage.under.successor();
    await successor.recover([...left, newId("exe")]);
    for (const id of left) expect(await stage.remains(id)).toEqual([]);
    await successor.recover(left);
    await successor.recover([]);
    await successor.close();

    bystander.running.stop(NEVER_MS);
    await bystander.go();
    expect(await bystander.ended()).toEqual({ exitCode: 7 });
  });

  test("close can be called any number of times when no task runs", async () => {
    await using stage = await Stage.open(make);
    await stage.run({ sh: "exit 0", play: { exit: { exitCode: 0 } } });
    await stage.executor.close();
    await stage.executor.close();
  });
}
