import { afterAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { ShellExecutor } from "../../agent/executors/shell/shell-executor.ts";
import { chooseLimitEnforcer } from "../../agent/limits/choose-enforcer.ts";
import type { TaskLimits } from "../../agent/limits/limits.ts";
import { SamplingEnforcer } from "../../agent/limits/sampling-enforcer.ts";
import { startJob } from "../support/agent/shell-jobs.ts";
import { forAllTests } from "../support/for-all-tests.ts";
import { processesNaming } from "../support/processes.ts";
import { makeScratch } from "../support/scratch.ts";

setDefaultTimeout(300_000);

const ROUNDS = 30;
/** A job ends by itself, or is stopped without or with grace: one after the other. */
const WAYS_TO_END = 3;

/**
 * Scripts whose processes do not end by a signal to their group. TOKEN is in the arguments of every process, so that
 * each can be found whatever it did to its environment.
 */
const escapes: Record<string, string> = {
  doubleFork: "(sh $S stay TOKEN & ) & wait",
  setsid: "setsid sh $S stay TOKEN & sleep 0.01",
  deafToTerm: `trap "" TERM; setsid sh $S deaf TOKEN & sh $S deaf TOKEN &`,
  hidden: "(env -i /usr/bin/setsid sh $S stay TOKEN </dev/null >/dev/null 2>&1 & ) ; sleep 0.01",
};
/**
 * 200 processes, each of which ends as soon as it has started its successor. If this test is killed, they end by
 * themselves after a number of generations.
 */
const storm =
  "mkfifo TOKEN; i=0; while [ $i -lt 200 ]; do sh $S wait comet TOKEN 100 & i=$((i+1)); done; : >TOKEN";
const stormOfSessions = storm.replace("comet", "leaping");

const SCRIPT = `
if [ "$1" = wait ]; then shift; : <"$2"; fi
[ "$3" != 0 ] || exit 0
left=$(($3 - 1))
case $1 in
  stay) sleep 600; exit ;;
  deaf) trap "" TERM; sleep 600 & sleep 600; exit ;;
  comet) trap "" TERM; sh "$0" comet "$2" $left & ;;
  leaping) trap "" TERM; setsid sh "$0" leaping "$2" $left & ;;
esac
`;

const scratch = forAllTests(await makeScratch());
writeFileSync(scratch.join("escape.sh"), SCRIPT);

interface Way {
  name: string;
  executor: ShellExecutor;
  limits: TaskLimits;
  /** Processes that jump from session to session faster than a program can look are caught only by the kernel. */
  storms: string[];
}

const held = await chooseLimitEnforcer();
const isHeldByKernel = held.enforcement.pids === "kernel";
const ways: Way[] = [
  {
    name: `with limits, held by ${held.enforcement.enforcedBy}`,
    executor: new ShellExecutor(async () => held),
    // More than a storm starts, even if the machine is busy and reaps late.
    limits: { pids: 20_000 },
    storms: isHeldByKernel ? [storm, stormOfSessions] : [storm],
  },
  {
    name: "with limits, held by samples",
    executor: new ShellExecutor(async () => new SamplingEnforcer()),
    limits: { memoryMb: 20_000 },
    storms: [storm],
  },
  {
    name: "without limits",
    executor: new ShellExecutor(async () => held),
    limits: {},
    storms: [storm],
  },
];

describe.skipIf(process.platform !== "linux").each(ways)("jobs $name", ({ executor, limits, storms }) => {
  afterAll(() => executor.close());
  // Storms are heavy, so each comes only once with each way to end its job.
  const stormEvery = ROUNDS / (WAYS_TO_END * storms.length);

  test(`leave no process behind in ${ROUNDS} rounds of escapes and storms`, async () => {
    for (let round = 0; round < ROUNDS; round++) {
      const kinds = Object.values(escapes);
      if (round % stormEvery === 0) kinds.push(storms[(round / stormEvery) % storms.length] ?? storm);
      await Promise.all(kinds.map((kind) => raid(kind, round % WAYS_TO_END)));
    }
  });

  /** Runs a job with this script, which ends by itself or is stopped with or without grace. */
  async function raid(kind: string, how: number): Promise<void> {
    const token = `raid-${crypto.randomUUID()}`;
    const rest = how === 0 ? "exit 0" : "sleep 600";
    const lines = [`S=${scratch.join("escape.sh")}`, kind.replaceAll("TOKEN", token), "echo up", rest];
    const job = await startJob(executor, scratch.path, { command: lines.join("\n") }, limits);
    try {
      await job.said("up");
      if (how === 1) job.task.stop(0);
      if (how === 2) job.task.stop(20);
    } catch (error) {
      job.task.stop(0);
      throw error;
    } finally {
      await job.task.wait();
    }
    // A message that something could not be ended must be true, however busy the machine is.
    expect({ kind, left: processesNaming(token), said: job.system }).toEqual({ kind, left: [], said: [] });
  }
});
