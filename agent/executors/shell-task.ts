import type { Subprocess } from "bun";
import { pause } from "../wait.ts";
import type { RunningTask, TaskExit, TaskOutput, TaskUsage } from "./executor.ts";
import type { MemorySampler, MemoryWatch } from "./memory-sampler.ts";
import { endGroup, endStragglers, signalGroup } from "./process-tree.ts";

/** One stream of a child; `close` frees what the stream itself does not. */
export interface ChildStream {
  stream: ReadableStream<Uint8Array>;
  close(): void;
}

export interface Child {
  process: Subprocess;
  stdout: ChildStream;
  stderr: ChildStream;
}

export interface ShellTaskOptions {
  executionId: string;
  output: TaskOutput;
  sampler: MemorySampler;
  /** Called when the task is over. */
  onEnd(): void;
}

/** How long the end of the output may take after the last process of the group is gone. */
const EOF_MS = 50;
/** Somebody who is not ours holds the pipe: after so long without a byte, or after so long at all, reading stops. */
const SILENCE_MS = 100;
const HELD_LIMIT_MS = 2_000;
/** The longest timer there is. */
const MAX_TIMER_MS = 2_147_000_000;

/** One command that runs as the leader of its process group. */
export class ShellTask implements RunningTask {
  private readonly child: Child;
  private readonly options: ShellTaskOptions;
  private readonly memory: MemoryWatch;
  private readonly stopReading = new AbortController();
  private readonly output: Promise<unknown>;
  private lastReadMs = 0;
  private writersBlocked = 0;
  private stopping = false;
  private exited = false;
  private killTimer: ReturnType<typeof setTimeout> | undefined;
  private killDueMs = Number.POSITIVE_INFINITY;

  constructor(child: Child, options: ShellTaskOptions) {
    this.child = child;
    this.options = options;
    this.memory = options.sampler.watch(child.process.pid);
    this.output = Promise.all([this.pump("stdout", child.stdout), this.pump("stderr", child.stderr)]);
  }

  async wait(): Promise<TaskExit> {
    const { process: main } = this.child;
    await main.exited;
    this.exited = true;
    clearTimeout(this.killTimer);
    this.options.sampler.forget(main.pid);
    const hadSurvivors = await endGroup(main.pid);
    if (hadSurvivors || this.stopping) await endStragglers(new Set([this.options.executionId]));
    await this.readToTheEnd();
    this.options.onEnd();
    if (main.signalCode !== null) return { signal: signalName(main.signalCode) };
    return { exitCode: main.exitCode ?? 0 };
  }

  stop(graceMs: number): void {
    if (this.exited) return;
    if (!this.stopping && graceMs > 0) {
      signalGroup(this.child.process.pid, "SIGTERM");
      // A job that somebody has stopped (SIGSTOP) hears of it only when it goes on.
      signalGroup(this.child.process.pid, "SIGCONT");
    }
    this.stopping = true;
    const dueMs = performance.now() + graceMs;
    if (dueMs >= this.killDueMs) return;
    this.killDueMs = dueMs;
    clearTimeout(this.killTimer);
    if (graceMs <= 0) this.kill();
    else this.killTimer = setTimeout(() => this.kill(), Math.min(graceMs, MAX_TIMER_MS));
  }

  usage(): TaskUsage {
    const used = this.child.process.resourceUsage();
    if (!used) return {};
    return { cpuSeconds: Number(used.cpuTime.total) / 1e6, peakMemoryMb: this.peakMemoryMb(used.maxRSS) };
  }

  private kill(): void {
    if (!this.exited) signalGroup(this.child.process.pid, "SIGKILL");
  }

  /**
   * A child begins with the peak of the process that started it, so the kernel's own number means something only
   * where it is above what this agent ever had; below that, the samples are all there is.
   */
  private peakMemoryMb(maxRssBytes: number): number | undefined {
    const ownPeakBytes = process.resourceUsage().maxRSS * 1024;
    const fromKernel = maxRssBytes > ownPeakBytes ? maxRssBytes / (1024 * 1024) : 0;
    const peakMb = Math.max(fromKernel, this.memory.peakMemoryMb ?? 0);
    return peakMb === 0 ? undefined : Math.round(peakMb * 10) / 10;
  }

  private async pump(name: "stdout" | "stderr", source: ChildStream): Promise<void> {
    const reader = source.stream.getReader();
    const cancel = () => reader.cancel().catch(() => {}); // a stream that broke needs no cancelling
    this.stopReading.signal.addEventListener("abort", cancel, { once: true });
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.lastReadMs = performance.now();
        const room = this.options.output.write(name, value, this.stopReading.signal);
        if (!room) continue;
        this.writersBlocked++;
        await room;
        this.writersBlocked--;
      }
    } catch {
      // A pipe that fails has no more to give; how the command ended is known from its exit, not from its pipe.
    } finally {
      source.close();
    }
  }

  /** All processes of the group are gone: what they wrote is in the pipes, and the pipes end when it is read. */
  private async readToTheEnd(): Promise<void> {
    if (await this.outputEndsWithin(EOF_MS)) return;
    await endStragglers(new Set([this.options.executionId]));
    const startMs = performance.now();
    for (;;) {
      if (await this.outputEndsWithin(SILENCE_MS)) return;
      // While the spool is full, nothing is read because there is no room for it, not because there is no more.
      if (this.writersBlocked > 0) continue;
      const nowMs = performance.now();
      if (nowMs - this.lastReadMs >= SILENCE_MS || nowMs - startMs > HELD_LIMIT_MS) break;
    }
    this.stopReading.abort();
    await this.output;
  }

  private async outputEndsWithin(ms: number): Promise<boolean> {
    const timer = new AbortController();
    const ended = await Promise.race([
      this.output.then(() => true),
      pause(ms, timer.signal).then(() => false),
    ]);
    timer.abort();
    return ended;
  }
}

/** Bun names the signals it knows and gives the number of others. */
function signalName(code: string | number): string {
  return typeof code === "number" ? `SIG${code}` : code;
}
