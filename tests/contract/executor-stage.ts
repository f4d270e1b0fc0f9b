import { mkdir } from "node:fs/promises";
import type {
  Executor,
  RunningTask,
  Task,
  TaskExit,
  TaskGpu,
  TaskOutput,
} from "../../agent/executors/port/executor.ts";
import type { TaskLimits } from "../../agent/limits/limits.ts";
import { allowedEnvironment } from "../../agent/process/environment.ts";
import { newId } from "../../shared/ids.ts";
import type { JobManifestInput } from "../../shared/manifest.ts";
import { assignmentOf } from "../support/agent/assignment.ts";
import type { FakePlan, FakeSaying } from "../support/agent/fake-task.ts";
import { processesNaming } from "../support/processes.ts";
import { makeScratch, type Scratch } from "../support/scratch.ts";
import { waitFor, within } from "../support/wait.ts";

/** One command, as real executors run it and as the fake executor plays it. */
export interface Script {
  /** POSIX sh, or an argument vector. */
  sh: string | string[];
  play: FakePlan;
  /** What the fake does when a script that waits for the file `go` gets it. */
  onGo?: { says?: readonly FakeSaying[]; exit: TaskExit };
}

/** An executor, and what the suite must know about it. */
export interface ExecutorUnderTest extends AsyncDisposable {
  executor: Executor;
  /** The manifest of a job that runs this script. */
  manifest(script: Script): JobManifestInput;
  /** Called when a script that waits for the file `go` has got it; for executors that cannot see files. */
  gone?(executionId: string, script: Script): Promise<void>;
  /** The variables of a task, for an executor that cannot run a command to print them. */
  environmentOf?(task: Task): Record<string, string>;
  /** The same agent's executor after a restart. */
  successor(): Executor;
  /** Runs the script for these executions in a process that is then killed with SIGKILL. */
  leaveBehind(script: Script, executionIds: readonly string[]): Promise<void>;
  /** The same kind of executor without what it needs to run. */
  unavailable(): Promise<{ executor: Executor } & AsyncDisposable>;
  /** What is left of an execution besides its processes, for example its container. */
  remains(executionId: string): Promise<string[]>;
  traits: {
    /** A start takes a large part of a second, so tests that repeat use fewer repetitions. */
    costly: boolean;
    /** It tells a signal that came from outside from an exit code above 128. */
    namesSignals: boolean;
    /** Whether it can give a job some of this machine's GPUs. */
    givesGpus: boolean;
  };
}

export interface StartOptions {
  manifest?: Partial<JobManifestInput>;
  limits?: TaskLimits;
  gpus?: TaskGpu[];
  signal?: AbortSignal;
  /** Puts files into the execution's directory before it starts. */
  prepare?: (dir: string) => Promise<unknown>;
  /** Called with each chunk; the executor waits for the promise it returns. */
  onWrite?: (stream: "stdout" | "stderr", bytes: Uint8Array) => Promise<void> | undefined;
  executionId?: string;
}

/** A variable of the agent that no job may see. */
export const AGENT_SECRET = { name: "TANVRIT_TOKEN", value: "secret-of-the-agent" };
const SAID_LIMIT_MS = 30_000;
const END_LIMIT_MS = 30_000;

/** The place where a test starts tasks of one executor. Tasks that still run at the end of the test are killed. */
export class Stage implements AsyncDisposable {
  readonly under: ExecutorUnderTest;
  /** The executor under test. */
  executor: Executor;
  private readonly scratch: Scratch;
  private readonly running: RunningTask[] = [];

  private constructor(under: ExecutorUnderTest, scratch: Scratch) {
    this.under = under;
    this.executor = under.executor;
    this.scratch = scratch;
  }

  static async open(make: () => Promise<ExecutorUnderTest>): Promise<Stage> {
    return new Stage(await make(), await makeScratch());
  }

  async start(script: Script, options: StartOptions = {}): Promise<Started> {
    const executionId = options.executionId ?? newId("exe");
    const dir = this.scratch.join(executionId);
    await mkdir(dir, { mode: 0o700 });
    await options.prepare?.(dir);
    const manifest = { ...this.under.manifest(script), ...options.manifest };
    const { limits = {}, gpus = [], signal = new AbortController().signal } = options;
    const heard = new Heard(options.onWrite);
    const task: Task = { ...playedTask(executionId, manifest, dir), output: heard.output, limits, gpus };
    const running = await this.executor.start(task, signal);
    this.running.push(running);
    const go = async () => {
      await Bun.write(`${dir}/go`, "");
      await this.under.gone?.(executionId, script);
    };
    return new Started(task, running, heard, go);
  }

  /** Runs a task from start to end. */
  async run(script: Script, options?: StartOptions): Promise<{ exit: TaskExit; started: Started }> {
    const started = await this.start(script, options);
    return { exit: await started.ended(), started };
  }

  /** What still exists of an execution; empty when it is completely over. */
  async remains(executionId: string): Promise<string[]> {
    const processes = processesNaming(executionId).map((pid) => `process ${pid}`);
    return [...processes, ...(await this.under.remains(executionId))];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const task of this.running) task.stop(0);
    const all = Promise.all(this.running.map((task) => task.wait()));
    await within(END_LIMIT_MS, "the tasks of a test to end", all);
    await this.under[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** A task as the agent hands it over, without limits or GPUs. */
export function playedTask(
  executionId: string,
  manifest: JobManifestInput,
  dir: string,
): Omit<Task, "output"> {
  return {
    assignment: assignmentOf(manifest, executionId),
    nodeId: newId("node"),
    dir,
    limits: {},
    gpus: [],
    environment: allowedEnvironment({ ...process.env, [AGENT_SECRET.name]: AGENT_SECRET.value }),
  };
}

/** All output of a task so far. */
class Heard {
  readonly chunks: { stream: "stdout" | "stderr"; bytes: Uint8Array }[] = [];
  readonly system: string[] = [];
  /** More than one write at a time is more than the port allows. */
  readonly mostWritesAtOnce = { stdout: 0, stderr: 0 };
  private readonly writes = { stdout: 0, stderr: 0 };
  private readonly onWrite: StartOptions["onWrite"];

  constructor(onWrite: StartOptions["onWrite"]) {
    this.onWrite = onWrite;
  }

  get output(): TaskOutput {
    return {
      write: (stream, bytes) => this.take(stream, bytes),
      system: (text) => this.system.push(text),
    };
  }

  bytes(stream: "stdout" | "stderr"): Buffer {
    return Buffer.concat(this.chunks.filter((chunk) => chunk.stream === stream).map(({ bytes }) => bytes));
  }

  private take(stream: "stdout" | "stderr", bytes: Uint8Array): Promise<void> | undefined {
    // Copy it: the executor may read the next chunk into the same buffer.
    this.chunks.push({ stream, bytes: bytes.slice() });
    const atOnce = ++this.writes[stream];
    this.mostWritesAtOnce[stream] = Math.max(this.mostWritesAtOnce[stream], atOnce);
    const room = this.onWrite?.(stream, bytes);
    if (!room) this.writes[stream]--;
    return room?.finally(() => this.writes[stream]--);
  }
}

/** A task that was started. */
export class Started {
  constructor(
    readonly task: Task,
    readonly running: RunningTask,
    readonly heard: Heard,
    /** Lets a script continue that waits for the file `go`. */
    readonly go: () => Promise<void>,
  ) {}

  get executionId(): string {
    return this.task.assignment.executionId;
  }

  get stdout(): string {
    return this.heard.bytes("stdout").toString();
  }

  get stderr(): string {
    return this.heard.bytes("stderr").toString();
  }

  said(text: string): Promise<true> {
    const seen = () => ({ stdout: this.stdout, stderr: this.stderr, system: this.heard.system });
    const look = () => this.stdout.includes(text);
    return waitFor(`the job to print ${text}`, look, { timeoutMs: SAID_LIMIT_MS, seen });
  }

  ended(): Promise<TaskExit> {
    return within(END_LIMIT_MS, `${this.executionId} to end`, this.running.wait());
  }
}
