import { constants } from "node:os";
import { signalToSend } from "../../../shared/stop-signal.ts";
import { textOf } from "../../../shared/text-of.ts";
import { pause } from "../../../shared/wait.ts";
import type { TaskSample, TaskUsage } from "../../limits/limits.ts";
import type { RunningTask, Task, TaskExit } from "../port/executor.ts";
import { Grace } from "../port/grace.ts";
import { type ContainerState, containerState, containerStopped, signalContainer } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { ENGINE_AWAY_MS, hasStatus, LOOK_AGAIN_MS } from "./engine-error.ts";
import type { ContainerMeter } from "./meter.ts";
import { OutputPump } from "./output-pump.ts";
import { UsageWatch } from "./usage-watch.ts";

export interface DockerTaskParts {
  engine: Engine;
  containerId: string;
  task: Task;
  /** The container's output from its first byte. */
  stream: AsyncIterable<Uint8Array>;
  /** Ends `stream`. */
  detach: AbortController;
  /** See `RunningTask`. */
  outputRoot: string;
  /** Its first process is an init. */
  hasInit: boolean;
  /** The signal that asks it to end, in the engine's form. */
  stopSignal: string;
  /** undefined: only the engine can tell what the container uses. */
  meter: ContainerMeter | undefined;
  /** Whether its first process is gone; undefined: only the engine can tell. */
  hasEnded(): boolean | undefined;
  /** Removes the container, and logs if it cannot. Never throws. false: the engine cannot be reached. */
  cleanUp(): Promise<boolean>;
}

/** How long a container may take to stop after the end of its output. */
const STOPPED_SOON_MS = 10_000;
/** How often to ask the engine whether a container with silent output still runs. */
const WATCHDOG_MS = 30_000;
const OUTPUT_ENDS_SOON_MS = 5_000;
const KILL_AGAIN_MS = 2_000;
/** The exit code for signal n is 128 + n, as in a shell; the engine does not report signals in any other way. */
const SIGNALLED = 128;

/** How s6-overlay, systemd, runit and similar programs complain that they are not process 1. */
const WANTS_TO_BE_FIRST =
  /\b(?:as|be|is|not) (?:pid|process(?: id)?|init \(pid) ?1\b|\bpid ?1 (?:is required|required|only)|must be (?:run|started) as init\b|alternative telinit implementation/i;

type LastState = ContainerState | "removed" | "unknown";

/** One command in a container of its own. */
export class DockerTask implements RunningTask {
  private readonly pump: OutputPump;
  private readonly watch: UsageWatch;
  private readonly end: Promise<TaskExit>;
  private readonly over = new AbortController();
  private readonly grace = new Grace(
    () => void this.signal(String(signalToSend(this.stopSignal))),
    () => this.kill(),
  );
  private engineWasAway = false;
  private killing = false;

  readonly stopSignal: string;
  readonly outputRoot: string;

  constructor(private readonly parts: DockerTaskParts) {
    this.stopSignal = parts.stopSignal;
    this.outputRoot = parts.outputRoot;
    const { engine, containerId, meter, task } = parts;
    this.pump = new OutputPump(task.output, parts.hasEnded);
    // A job that lost a process to its memory limit is no longer complete, so all of it is killed.
    this.watch = new UsageWatch({ engine, containerId, meter, onOutOfMemory: () => this.kill() });
    this.end = this.run();
  }

  wait(): Promise<TaskExit> {
    return this.end;
  }

  usage(): TaskUsage {
    return this.watch.usage();
  }

  sample(): TaskSample | undefined {
    return this.watch.sample();
  }

  stop(graceMs: number): void {
    this.grace.begin(graceMs);
  }

  private async run(): Promise<TaskExit> {
    const watchdog = this.watchSilence();
    const last = await this.followToTheEnd();
    this.over.abort();
    this.grace.end();
    this.watch.end();
    this.parts.detach.abort();
    await watchdog;
    if (!(await this.parts.cleanUp())) this.engineWasAway = true;
    await this.pump.deliver();
    return this.exitOf(last);
  }

  /** Reads the output until the container has ended. */
  private async followToTheEnd(): Promise<LastState> {
    const { engine, containerId, detach, task } = this.parts;
    let { stream } = this.parts;
    for (;;) {
      await this.pump.read(stream);
      const state = await this.stateBehindOutput();
      if (typeof state === "string" || !state.Running) return state;
      // The container outlived the trouble of its engine; from here on, how it ends is its own doing.
      this.engineWasAway = false;
      task.output.system(
        "The connection to the container's output was lost and is being restored; output from the meantime may be missing.",
        { lost: true },
      );
      try {
        stream = await engine.attach(containerId, detach.signal);
      } catch {
        // The engine went away again; the next look waits for it.
        stream = (async function* () {})();
        await pause(LOOK_AGAIN_MS);
      }
    }
  }

  /** The state of the container after its output has ended: usually ended. Waits for an engine that is away. */
  private async stateBehindOutput(): Promise<LastState> {
    const { engine, containerId, task } = this.parts;
    const giveUpMs = performance.now() + ENGINE_AWAY_MS;
    for (let told = false; ; told = true) {
      try {
        await containerStopped(engine, containerId, STOPPED_SOON_MS);
      } catch {
        // Still running, gone, or the engine is away; the next request tells which.
      }
      try {
        return await containerState(engine, containerId);
      } catch (error) {
        if (hasStatus(error, 404)) return "removed";
        this.engineWasAway = true;
        if (performance.now() > giveUpMs) return "unknown";
        if (!told) task.output.system(`${textOf(error)}. The job waits for it.`);
        await pause(LOOK_AGAIN_MS);
      }
    }
  }

  /** Stops reading if the container has ended but its output has not, as when a connection dies unnoticed. */
  private async watchSilence(): Promise<void> {
    const { engine, containerId, detach } = this.parts;
    const { signal } = this.over;
    while (!signal.aborted) {
      await pause(WATCHDOG_MS, signal);
      if (signal.aborted) return;
      try {
        const { Running = true } = await containerState(engine, containerId);
        if (Running) continue;
      } catch (error) {
        if (!hasStatus(error, 404)) continue;
      }
      await pause(OUTPUT_ENDS_SOON_MS, signal);
      detach.abort();
      return;
    }
  }

  private exitOf(state: LastState): TaskExit {
    if (state === "unknown") {
      const seconds = ENGINE_AWAY_MS / 1_000;
      return { lost: `The engine went away while the job ran and was not back after ${seconds} s.` };
    }
    const { output, limits } = this.parts.task;
    if (state === "removed") {
      if (!this.killing) output.system("The container was removed by someone else while the job ran.");
      return { signal: "SIGKILL" };
    }
    const { ExitCode: exitCode = 0, OOMKilled = false, Error: why } = state;
    if (why) output.system(`The engine reports about the container's end: ${why}`);
    const { memoryMb } = limits;
    if (memoryMb !== undefined && (this.watch.wasOutOfMemory || OOMKilled)) {
      const peak = Math.max(memoryMb, this.watch.usage().peakMemoryMb ?? 0);
      return { signal: "SIGKILL", exceeded: { limit: "memoryMb", allowed: memoryMb, peak } };
    }
    if (this.killing && exitCode === SIGNALLED + constants.signals.SIGKILL) return { signal: "SIGKILL" };
    const asked = constants.signals[this.stopSignal as NodeJS.Signals];
    if (this.grace.hasBegun && exitCode === SIGNALLED + asked) return { signal: this.stopSignal };
    // An engine that ends may end its containers too; their exit codes then do not come from the jobs.
    if (this.engineWasAway && exitCode !== 0) {
      return {
        lost: `The engine was stopped or restarted while the job ran, and the job's container ended with ${exitCode}.`,
      };
    }
    if (exitCode !== 0 && this.parts.hasInit && WANTS_TO_BE_FIRST.test(this.pump.tail)) {
      output.system(
        "The image's program says that it must be process 1, but the container's process 1 is an init: run the job with --no-init (docker.init: false).",
      );
    }
    return { exitCode };
  }

  private kill(): void {
    if (this.killing) return;
    this.killing = true;
    void this.killUntilOver();
  }

  /** Repeats the signal, so that an engine that is away gets it once it is back. */
  private async killUntilOver(): Promise<void> {
    while (!this.over.signal.aborted) {
      await this.signal("SIGKILL");
      await pause(KILL_AGAIN_MS, this.over.signal);
    }
  }

  private async signal(name: string): Promise<void> {
    try {
      await signalContainer(this.parts.engine, this.parts.containerId, name);
    } catch (error) {
      this.parts.task.output.system(`${name} could not be sent to the container: ${textOf(error)}`);
    }
  }
}
