import type { Subprocess } from "bun";
import { signalToSend } from "../../../shared/stop-signal.ts";
import { pause } from "../../../shared/wait.ts";
import type { KeptChild } from "../../keeper/kept-child.ts";
import { type LimitHandle, toMib } from "../../limits/limit-keeper.ts";
import type { TaskLimits, TaskUsage } from "../../limits/limits.ts";
import { processesOf } from "../../process/marks.ts";
import { whoIsLeft } from "../../process/patience.ts";
import { processStat } from "../../process/process-table.ts";
import { endGroup, endStragglers, send, signalGroup } from "../../process/process-tree.ts";
import type { RunningTask, TaskExit, TaskOutput } from "../port/executor.ts";
import { Grace } from "../port/grace.ts";

/** One stream of a child; `close` frees what the stream itself does not. */
export interface ChildStream {
  stream: ReadableStream<Uint8Array>;
  close(): void;
}

export interface Child {
  process: Subprocess | KeptChild;
  /** The same process, where a keeper is above it. */
  kept?: KeptChild;
  stdout: ChildStream;
  stderr: ChildStream;
}

export interface ShellTaskOptions {
  executionId: string;
  output: TaskOutput;
  limits: TaskLimits;
  /** As the manifest names it. */
  stopSignal: string;
  /** Holds the job to them. */
  handle: LimitHandle;
  /** Called when the task is over. */
  onEnd(): void;
}

/** How long the end of the output may take after the last process of the group is gone. */
const EOF_MS = 50;
/** Somebody who is not ours holds the pipe: after so long without a byte, or after so long at all, reading stops. */
const SILENCE_MS = 100;
const HELD_LIMIT_MS = 2_000;

/** One command that runs as the leader of its process group. */
export class ShellTask implements RunningTask {
  private readonly child: Child;
  private readonly options: ShellTaskOptions;
  private readonly stopReading = new AbortController();
  private readonly output: Promise<unknown>;
  /** Fires when both streams have ended. */
  private readonly outputEnded = new AbortController();
  private lastReadMs = 0;
  private writersBlocked = 0;
  private over: Promise<TaskExit> | undefined;
  private readonly grace: Grace;
  private exited = false;

  constructor(child: Child, options: ShellTaskOptions) {
    this.child = child;
    this.options = options;
    this.grace = new Grace(
      () => this.askToEnd(),
      () => this.kill(),
    );
    options.handle.begin(child.process.pid, () => this.stop(0), child.kept?.keeperPid);
    const pumps = [this.pump("stdout", child.stdout), this.pump("stderr", child.stderr)];
    this.output = Promise.all(pumps).then(() => this.outputEnded.abort());
  }

  wait(): Promise<TaskExit> {
    this.over ??= this.untilOver();
    return this.over;
  }

  stop(graceMs: number): void {
    this.grace.begin(graceMs);
  }

  usage(): TaskUsage {
    const held = this.options.handle.usage();
    const used = this.child.process.resourceUsage();
    if (!used) return held;
    const peakMemoryMb = held.peakMemoryMb ?? this.peakOfLeader(used.maxRSS);
    // The leader's account has those it waited for, the other those who were seen.
    const cpuSeconds = Math.max(Number(used.cpuTime.total) / 1e6, held.cpuSeconds ?? 0);
    return { cpuSeconds, ...(peakMemoryMb !== undefined && { peakMemoryMb }) };
  }

  private async untilOver(): Promise<TaskExit> {
    const { handle, onEnd } = this.options;
    const { process: main } = this.child;
    await main.exited;
    this.exited = true;
    this.grace.end();
    await this.endTree(main.pid);
    await this.readToTheEnd();
    const exceeded = handle.exceeded();
    this.sayWhatWasRefused();
    await handle.release();
    onEnd();
    if (this.child.kept?.isLost) this.sayThatKeeperWasKilled();
    const exit =
      main.signalCode !== null ? { signal: signalName(main.signalCode) } : { exitCode: main.exitCode ?? 0 };
    return exceeded ? { ...exit, exceeded } : exit;
  }

  /** The leader is gone; whatever it started must follow. */
  private async endTree(leaderPid: number): Promise<void> {
    const { handle, executionId } = this.options;
    const { kept } = this.child;
    await handle.end();
    if (kept) {
      if (!(await kept.end())) this.sayWhoIsLeft();
      return;
    }
    const isGroupGone = await endGroup(leaderPid);
    const areOthersGone = await endStragglers(new Set([executionId]));
    if (!isGroupGone || !areOthersGone) this.sayWhoIsLeft();
  }

  private askToEnd(): void {
    const { pid } = this.child.process;
    const { handle, stopSignal } = this.options;
    const others = new Set([...handle.members(), ...this.members()]);
    for (const other of others) if (processStat(other)?.groupId === pid) others.delete(other);
    for (const target of [-pid, ...others]) {
      send(target, signalToSend(stopSignal));
      // A job that somebody has stopped (SIGSTOP) hears of it only when it goes on.
      send(target, "SIGCONT");
    }
  }

  private kill(): void {
    if (this.exited) return;
    signalGroup(this.child.process.pid, "SIGKILL");
    // What left the group must not outlive it by as much as the leader takes to die.
    void this.options.handle.end();
    void this.child.kept?.end();
  }

  /** The living processes of the job as far as they can be found. */
  private members(): number[] {
    return this.child.kept?.members() ?? processesOf(new Set([this.options.executionId]));
  }

  /** Nobody waits for them for ever, but the owner of the machine must hear of them. */
  private sayWhoIsLeft(): void {
    const left = whoIsLeft(this.members());
    if (left) this.options.output.system(left);
  }

  private sayThatKeeperWasKilled(): void {
    this.options.output.system(
      "The process that kept the job together was killed, and the job was ended with it. A job can do that to itself.",
    );
  }

  /** The kernel does not end a job that starts too many processes; it refuses them, which the job may not tell. */
  private sayWhatWasRefused(): void {
    const { handle, limits, output } = this.options;
    const refused = handle.refusedStarts();
    if (refused === 0) return;
    output.system(
      `The job reached its limit of ${limits.pids} processes and threads; ${refused} more were not started.`,
    );
  }

  /**
   * A child begins with the peak of the process that started it, so the kernel's own number means something only
   * where it is above what this process ever had; below that, it says nothing.
   */
  private peakOfLeader(maxRssBytes: number): number | undefined {
    const ownPeakBytes = process.resourceUsage().maxRSS * 1024;
    return maxRssBytes > ownPeakBytes ? toMib(maxRssBytes) : undefined;
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
    if (!this.child.kept) await endStragglers(new Set([this.options.executionId]));
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
    await pause(ms, this.outputEnded.signal);
    return this.outputEnded.signal.aborted;
  }
}

/** Bun names the signals it knows and gives the number of others. */
function signalName(code: string | number): string {
  return typeof code === "number" ? `SIG${code}` : code;
}
