import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { StartFailedError, type TaskExit } from "../../agent/executors/port/executor.ts";
import { newId } from "../../shared/ids.ts";
import { jobType } from "../../shared/job-fields.ts";
import { waitFor, within } from "../support/wait.ts";
import { executorEndsContract } from "./executor-ends.contract.ts";
import { executorLimitsContract } from "./executor-limits.contract.ts";
import { type ExecutorUnderTest, type Script, Stage } from "./executor-stage.ts";

const END_LIMIT_MS = 60_000;
const PROBE_LIMIT_MS = 5_000;
/** How long giving up a start may take. */
const GIVE_UP_LIMIT_MS = 5_000;
const BURST_BYTES = 5 * 1024 * 1024;
const FLOOD_BLOCKS = 512;
const BLOCK_BYTES = 65_536;
/** How much output may lie between a job and a slow reader: pipes, sockets, the engine's own buffers. */
const UNDERWAY_LIMIT_BYTES = 8 * 1024 * 1024;

/** Proves what every executor promises: each sentence of the port's comment. */
export function executorContract(name: string, make: () => Promise<ExecutorUnderTest>): void {
  describe(`${name} executor`, () => {
    describe("describes itself", () => describesItself(make));
    describe("starting", () => starts(make));
    describe("output", () => deliversOutput(make));
    describe("exits", () => reportsExits(make));
    describe("stopping", () => executorEndsContract(make));
    describe("limits", () => executorLimitsContract(make));
  });
}

function describesItself(make: () => Promise<ExecutorUnderTest>): void {
  test("it says who enforces each limit, and always says the same", async () => {
    await using stage = await Stage.open(make);
    await stage.executor.probe();
    const said = stage.executor.enforcement();
    expect(said).toEqual({
      cpu: expect.stringMatching(/^(kernel|sampling|none)$/),
      memory: expect.stringMatching(/^(kernel|sampling|none)$/),
      pids: expect.stringMatching(/^(kernel|sampling|none)$/),
      enforcedBy: expect.stringMatching(/\S/),
    });
    expect(stage.executor.enforcement()).toEqual(said);
    expect(jobType.safeParse(stage.executor.jobType).success).toBe(true);
  });

  test("its probe says that it is available, also when called repeatedly or concurrently", async () => {
    await using stage = await Stage.open(make);
    const probes = Promise.all([stage.executor.probe(), stage.executor.probe(), stage.executor.probe()]);
    const answers = await within(PROBE_LIMIT_MS, "three probes", probes);
    expect(answers).toEqual([{ available: true }, { available: true }, { available: true }]);
    expect(await stage.executor.probe()).toEqual({ available: true });
  });

  test("if it is unavailable, its probe says why, and nothing can be started", async () => {
    await using stage = await Stage.open(make);
    await using lacking = await stage.under.unavailable();
    const answer = await within(PROBE_LIMIT_MS, "a probe", lacking.executor.probe());
    expect(answer).toEqual({ available: false, why: expect.stringMatching(/^\S.*\S$/s) });
    expect(await lacking.executor.probe()).toEqual(answer);
    stage.executor = lacking.executor;
    const executionId = newId("exe");
    const failure = await stage.start(done, { executionId }).catch((error) => error);
    expect(failure).toBeInstanceOf(StartFailedError);
    expect(await stage.remains(executionId)).toEqual([]);
  });
}

const done: Script = { sh: "exit 0", play: { exit: { exitCode: 0 } } };
const sleeps: Script = { sh: "echo ready; sleep 600", play: { says: [["stdout", "ready\n"]] } };

function starts(make: () => Promise<ExecutorUnderTest>): void {
  test("a command that cannot start fails with a readable reason, and leaves nothing behind", async () => {
    await using stage = await Stage.open(make);
    const cases: [Script, object, RegExp][] = [
      [{ sh: ["no-such-program", "x"], play: { startFails: "no-such-program?" } }, {}, /no-such-program/],
      [{ sh: ["/"], play: { startFails: "/ is a directory" } }, {}, /\//],
    ];
    for (const [script, manifest, why] of cases) {
      const executionId = newId("exe");
      const failure = await stage.start(script, { executionId, manifest }).catch((error) => error);
      expect(failure).toBeInstanceOf(StartFailedError);
      expect(failure.message).toMatch(why);
      expect(await stage.remains(executionId)).toEqual([]);
    }
  });

  test("nothing starts if the signal has already fired", async () => {
    await using stage = await Stage.open(make);
    const executionId = newId("exe");
    const start = stage.start(sleeps, { executionId, signal: AbortSignal.abort() });
    const failure = await within(
      GIVE_UP_LIMIT_MS,
      "giving up the start",
      start.catch((error) => error),
    );
    expect(failure).toBeInstanceOf(StartFailedError);
    expect(await stage.remains(executionId)).toEqual([]);
  });

  test("a signal during the start leaves nothing behind, or a task that runs normally", async () => {
    await using stage = await Stage.open(make);
    for (const afterMs of stage.under.traits.costly ? [0, 1, 20, 200] : [0, 1, 2, 3]) {
      const executionId = newId("exe");
      const giveUp = new AbortController();
      const start = stage.start(sleeps, { executionId, signal: giveUp.signal });
      await Bun.sleep(afterMs); // not a wait: the signal should hit any moment of the start
      giveUp.abort();
      const outcome = await within(
        GIVE_UP_LIMIT_MS,
        "giving up the start",
        start.catch((error) => error),
      );
      if (outcome instanceof Error) expect(outcome).toBeInstanceOf(StartFailedError);
      else {
        // It was already running, so the signal no longer has any effect.
        await outcome.said("ready");
        outcome.running.stop(0);
        await outcome.ended();
      }
      expect(await stage.remains(executionId)).toEqual([]);
    }
  });

  test("many tasks can start concurrently, each with its own output and exit", async () => {
    await using stage = await Stage.open(make);
    const runs = Array.from({ length: stage.under.traits.costly ? 8 : 40 }, async (_, i) => {
      const script: Script = {
        sh: `echo out ${i}; echo err ${i} >&2; exit ${i}`,
        play: {
          says: [
            ["stdout", `out ${i}\n`],
            ["stderr", `err ${i}\n`],
          ],
          exit: { exitCode: i },
        },
      };
      const { exit, started } = await stage.run(script);
      expect({ ...exit, out: started.stdout, err: started.stderr }).toEqual({
        exitCode: i,
        out: `out ${i}\n`,
        err: `err ${i}\n`,
      });
    });
    await Promise.all(runs);
  });

  test("an argument vector runs unchanged, without a shell", async () => {
    await using stage = await Stage.open(make);
    const hostile = ["a b", "$HOME", "*", "", 'it\'s "so"', "ü\n\\", "-n"];
    const said = hostile.map((one) => `<${one}>`).join("");
    const script = {
      sh: ["printf", "<%s>", ...hostile],
      play: { says: [["stdout", said]], exit: { exitCode: 0 } },
    } as const;
    const { started } = await stage.run({ ...script, sh: [...script.sh] });
    expect(started.stdout).toBe(said);
  });

  test("a command runs in the execution's own directory, or in workdir", async () => {
    await using stage = await Stage.open(make);
    const cases: [string | undefined, string][] = [
      [undefined, "here"],
      ["sub", "sub"],
      ["sub/../sub/.", "sub"],
    ];
    for (const [workdir, holds] of cases) {
      const script: Script = {
        sh: "cat note && echo made > made",
        play: { says: [["stdout", holds]], exit: { exitCode: 0 } },
      };
      const { exit, started } = await stage.run(script, {
        manifest: workdir === undefined ? {} : { workdir },
        prepare: async (dir) => {
          await mkdir(`${dir}/sub`);
          await Bun.write(`${dir}/note`, "here");
          await Bun.write(`${dir}/sub/note`, "sub");
        },
      });
      expect({ ...exit, said: started.stdout }).toEqual({ exitCode: 0, said: holds });
    }
    const root: Script = { sh: "pwd", play: { says: [["stdout", "/\n"]], exit: { exitCode: 0 } } };
    expect((await stage.run(root, { manifest: { workdir: "/" } })).started.stdout).toBe("/\n");
  });
}

function deliversOutput(make: () => Promise<ExecutorUnderTest>): void {
  test("both streams arrive complete and separate, also a burst of 5 MB that ends with the command", async () => {
    await using stage = await Stage.open(make);
    const line = (i: number) => `${String(i).padStart(63, ".")}\n`;
    const count = BURST_BYTES / 64;
    const burst = Array.from({ length: count }, (_, i) => line(i)).join("");
    const script: Script = {
      sh: `awk 'BEGIN { for (i = 0; i < ${count}; i++) { s = "" i; while (length(s) < 63) s = "." s; print s } }'
          echo last >&2`,
      play: {
        says: [
          ["stdout", burst],
          ["stderr", "last\n"],
        ],
        exit: { exitCode: 0 },
      },
    };
    const { exit, started } = await stage.run(script);
    expect(exit).toEqual({ exitCode: 0 });
    expect(started.stderr).toBe("last\n");
    expect(started.heard.bytes("stdout").length).toBe(BURST_BYTES);
    expect(digest(started.heard.bytes("stdout"))).toBe(digest(Buffer.from(burst)));
  });

  test("output arrives as bytes, also if it is not text or contains half a character", async () => {
    await using stage = await Stage.open(make);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    const octal = [...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("");
    const script: Script = {
      sh: `printf '${octal}'; printf '\\303' >&2; while [ ! -e go ]; do sleep 0.02; done; printf '\\251' >&2`,
      play: {
        says: [
          ["stdout", bytes],
          ["stderr", Uint8Array.of(0xc3)],
        ],
      },
      onGo: { says: [["stderr", Uint8Array.of(0xa9)]], exit: { exitCode: 0 } },
    };
    const started = await stage.start(script);
    await waitFor("half a character", () => started.heard.bytes("stderr").length === 1);
    await started.go();
    expect(await started.ended()).toEqual({ exitCode: 0 });
    expect([...started.heard.bytes("stdout")]).toEqual([...bytes]);
    expect(started.stderr).toBe("é");
  });

  test("only one write is pending at a time, and a job that is faster than its reader blocks on its own pipe", async () => {
    await using stage = await Stage.open(make);
    const block = new Uint8Array(BLOCK_BYTES);
    const script: Script = {
      sh: `i=0; while [ $i -lt ${FLOOD_BLOCKS} ]; do
            head -c ${BLOCK_BYTES} /dev/zero; i=$((i+1)); echo $i > written
          done`,
      play: {
        says: Array.from({ length: FLOOD_BLOCKS }, () => ["stdout", block] as const),
        exit: { exitCode: 0 },
      },
    };
    let taken = 0;
    let mostUnderway = 0;
    let dir = "";
    const { started } = await stage.run(script, {
      prepare: async (path) => {
        dir = path;
      },
      onWrite: async (_, bytes) => {
        await Bun.sleep(1); // a slow reader
        const written =
          Number(
            await Bun.file(`${dir}/written`)
              .text()
              .catch(() => 0),
          ) * BLOCK_BYTES; // no size yet
        mostUnderway = Math.max(mostUnderway, written - taken);
        taken += bytes.length;
      },
    });
    expect(started.heard.mostWritesAtOnce.stdout).toBe(1);
    expect(taken).toBe(FLOOD_BLOCKS * BLOCK_BYTES);
    expect(mostUnderway).toBeLessThan(UNDERWAY_LIMIT_BYTES);
  });
}

function reportsExits(make: () => Promise<ExecutorUnderTest>): void {
  test("every exit code is reported", async () => {
    await using stage = await Stage.open(make);
    const few = [0, 1, 2, 64, 125, 126, 127, 128, 130, 137, 143, 255];
    const codes = stage.under.traits.costly ? few : Array.from({ length: 256 }, (_, i) => i);
    for (let from = 0; from < codes.length; from += 4) {
      const some = codes.slice(from, from + 4);
      const runs = some.map((exitCode) =>
        stage.run({ sh: `exit ${exitCode}`, play: { exit: { exitCode } } }),
      );
      expect((await Promise.all(runs)).map(({ exit }) => exit)).toEqual(
        some.map((exitCode) => ({ exitCode })),
      );
    }
  });

  test("the signal that ended a command is reported", async () => {
    await using stage = await Stage.open(make);
    for (const [signal, number] of Object.entries({ SIGSEGV: 11, SIGKILL: 9, SIGTERM: 15, SIGABRT: 6 })) {
      const { exit } = await stage.run({ sh: `kill -${number} $$`, play: { exit: { signal } } });
      expect(exit).toEqual(stage.under.traits.namesSignals ? { signal } : { exitCode: 128 + number });
    }
  });

  test("wait gives the same answer as often as it is called, before and after the end", async () => {
    await using stage = await Stage.open(make);
    const script: Script = {
      sh: "echo ready; while [ ! -e go ]; do sleep 0.02; done; exit 7",
      play: { says: [["stdout", "ready\n"]] },
      onGo: { exit: { exitCode: 7 } },
    };
    const started = await stage.start(script);
    const asked: Promise<TaskExit>[] = [started.running.wait(), started.running.wait()];
    await started.said("ready");
    asked.push(started.running.wait());
    await started.go();
    await within(END_LIMIT_MS, "the end", Promise.all(asked));
    asked.push(started.running.wait());
    expect(await Promise.all(asked)).toEqual(asked.map(() => ({ exitCode: 7 })));
  });
}

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
