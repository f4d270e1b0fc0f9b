import { constants } from "node:os";
import { signalToSend } from "../../../shared/stop-signal.ts";
import { textOf } from "../../../shared/text-of.ts";
import { pause } from "../../../shared/wait.ts";
import type { TaskUsage } from "../../limits/limits.ts";
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
  /** The container's output from its first byte on. */
  stream: AsyncIterable<Uint8Array>;
  /** Ends `stream`. */
  detach: AbortController;
  /** An init is its first process. */
  hasInit: boolean;
  /** The signal that asks it to end, as the engine takes it. */
  stopSignal: string;
  /** undefined: only the engine can say what the container does. */
  meter: ContainerMeter | undefined;
  /** Whether its first process is gone; undefined: only the engine can say. */
  hasEnded(): boolean | undefined;
  /** Removes the container, and says where it cannot. Never throws. false: the engine cannot be reached. */
  cleanUp(): Promise<boolean>;
}

/** How long after the end of its output a container is known to have stopped. */
const STOPPED_SOON_MS = 10_000;
/** How often the engine is asked whether a container is still there whose output is silent. */
const WATCHDOG_MS = 30_000;
const OUTPUT_ENDS_SOON_MS = 5_000;
const KILL_AGAIN_MS = 2_000;
/** With the signal's number on top, as for every shell: the engine knows no other way to tell. */
const SIGNALLED = 128;

/** As s6-overlay, systemd, runit and their like complain. */
const WANTS_TO_BE_FIRST =
  /\b(?:as|be|is|not) (?:pid|process(?: id)?|init \(pid) ?1\b|\bpid ?1 (?:is required|required|only)|must be (?:run|started) as init\b|alternative telinit implementation/i;

type LastState = ContainerState | "removed" | "unknown";

/** One command in a container of its own. */
export class DockerTask implements RunningTask {
  private readonly parts: DockerTaskParts;
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

  constructor(parts: DockerTaskParts) {
    this.parts = parts;
    this.stopSignal = parts.stopSignal;
    const { engine, containerId, meter, task } = parts;
    this.pump = new OutputPump(task.output, parts.hasEnded);
    // What is left of a job that lost a process to its limit is no whole job any more.
    this.watch = new UsageWatch(engine, containerId, meter, () => this.kill());
    this.end = this.run();
  }

  wait(): Promise<TaskExit> {
    return this.end;
  }

  usage(): TaskUsage {
    return this.watch.usage();
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

  /** Reads the output until the container is over. */
  private async followToTheEnd(): Promise<LastState> {
    const { engine, containerId, detach, task } = this.parts;
    let { stream } = this.parts;
    for (;;) {
      await this.pump.read(stream);
      const state = await this.stateBehindOutput();
      if (typeof state === "string" || !state.Running) return state;
      // It outlived whatever happened to its engine; how it ends from here on is its own doing.
      this.engineWasAway = false;
      task.output.system(
        "The connection to the container's output was lost and is made anew; what it wrote meanwhile may be missing.",
        { lost: true },
      );
      try {
        stream = await engine.attach(containerId, detach.signal);
      } catch {
        // The engine went away once more; the next look waits for it.
        stream = (async function* () {})();
        await pause(LOOK_AGAIN_MS);
      }
    }
  }

  /** How the container is when its output has ended: over, as a rule. Waits for an engine that is away. */
  private async stateBehindOutput(): Promise<LastState> {
    const { engine, containerId, task } = this.parts;
    const giveUpMs = performance.now() + ENGINE_AWAY_MS;
    for (let told = false; ; told = true) {
      try {
        await containerStopped(engine, containerId, STOPPED_SOON_MS);
      } catch {
        // Not over yet, gone, or the engine is away; which of them, the next question tells.
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

  /** Ends the reading of an output that goes on though its container is over, as over a connection that died unheard. */
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
      return { lost: `The engine went away under the job and was not back after ${seconds} s.` };
    }
    const { output, limits } = this.parts.task;
    if (state === "removed") {
      if (!this.killing) output.system("Somebody else removed the container while the job ran.");
      return { signal: "SIGKILL" };
    }
    const { ExitCode: exitCode = 0, OOMKilled = false, Error: why } = state;
    if (why) output.system(`The engine says of the container's end: ${why}`);
    const { memoryMb } = limits;
    if (memoryMb !== undefined && (this.watch.wasOutOfMemory || OOMKilled)) {
      const peak = Math.max(memoryMb, this.watch.usage().peakMemoryMb ?? 0);
      return { signal: "SIGKILL", exceeded: { limit: "memoryMb", allowed: memoryMb, peak } };
    }
    if (this.killing && exitCode === SIGNALLED + constants.signals.SIGKILL) return { signal: "SIGKILL" };
    const asked = constants.signals[this.stopSignal as NodeJS.Signals];
    if (this.grace.hasBegun && exitCode === SIGNALLED + asked) return { signal: this.stopSignal };
    // An engine that ends takes its containers along; their exit codes are then none of the jobs' own doing.
    if (this.engineWasAway && exitCode !== 0) {
      return {
        lost: `The engine was stopped or restarted under the job, whose container ended with ${exitCode}.`,
      };
    }
    if (exitCode !== 0 && this.parts.hasInit && WANTS_TO_BE_FIRST.test(this.pump.tail)) {
      output.system(
        "The image's program says that it must be process 1, and the container has an init there: --no-init (docker.init: false) leaves that out.",
      );
    }
    return { exitCode };
  }

  private kill(): void {
    if (this.killing) return;
    this.killing = true;
    void this.killUntilOver();
  }

  /** An engine that is away when a container is to be ended hears of it when it is back. */
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
      this.parts.task.output.system(`The container could not be sent ${name}: ${textOf(error)}`);
    }
  }
}
