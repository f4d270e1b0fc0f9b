import type { Subprocess } from "bun";
import { signalToSend } from "../../../shared/stop-signal.ts";
import { inTime } from "../../../shared/wait.ts";
import type { KeptChild } from "../../keeper/kept-child.ts";
import { type LimitHandle, toMib } from "../../limits/limit-enforcer.ts";
import type { TaskLimits, TaskSample, TaskUsage } from "../../limits/limits.ts";
import { processesOf } from "../../process/marks.ts";
import { whoIsLeft } from "../../process/patience.ts";
import { processStat } from "../../process/process-table.ts";
import { endGroup, endStragglers, send, signalGroup } from "../../process/process-tree.ts";
import type { RunningTask, TaskExit, TaskOutput } from "../port/executor.ts";
import { Grace } from "../port/grace.ts";

/** One stream of a child. `close` frees what the stream itself does not. */
export interface ChildStream {
  stream: ReadableStream<Uint8Array>;
  close(): void;
}

export interface Child {
  process: Subprocess | KeptChild;
  /** The same process, if it runs below a keeper. */
  kept?: KeptChild;
  stdout: ChildStream;
  stderr: ChildStream;
}

export interface ShellTaskOptions {
  executionId: string;
  /** The directory in which it starts. */
  outputRoot: string;
  output: TaskOutput;
  limits: TaskLimits;
  /** In the form of the manifest. */
  stopSignal: string;
  /** It gets the stop signal alone, and ends its children itself. */
  stopsItsChildren: boolean;
  /** Enforces `limits`. */
  handle: LimitHandle;
  /** Called when the task is over. */
  onEnd(): void;
}

/** How long the output may take to end after the last process of the group is gone. */
const EOF_MS = 50;
/** If a foreign process holds the pipe, reading stops after this long without a byte, or after this long in total. */
const SILENCE_MS = 100;
const HELD_LIMIT_MS = 2_000;

/** The peak of this process, as far as it is known. */
let ownPeakBytes = 0;

/** One command that runs as the leader of its process group. */
export class ShellTask implements RunningTask {
  private readonly readers: ReadableStreamDefaultReader<Uint8Array>[] = [];
  /** Made with the first output, which many jobs do not have. */
  private stopWriting: AbortController | undefined;
  /** Resolves when both streams have ended. */
  private readonly output: Promise<void>;
  private hasOutputEnded = false;
  private lastReadMs = 0;
  private writersBlocked = 0;
  private over: Promise<TaskExit> | undefined;
  private readonly grace: Grace;
  private exited = false;

  constructor(
    private readonly child: Child,
    private readonly options: ShellTaskOptions,
  ) {
    this.grace = new Grace(
      () => this.askToEnd(),
      () => this.kill(),
    );
    options.handle.begin(child.process.pid, () => this.stop(0), child.kept?.keeperPid);
    const pumps = [this.pump("stdout", child.stdout), this.pump("stderr", child.stderr)];
    this.output = Promise.all(pumps).then(() => {
      this.hasOutputEnded = true;
    });
  }

  get outputRoot(): string {
    return this.options.outputRoot;
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
    // The leader's own count includes children that it waited for; the limit handle's includes processes that it saw.
    const cpuSeconds = Math.max(Number(used.cpuTime.total) / 1e6, held.cpuSeconds ?? 0);
    return { cpuSeconds, ...(peakMemoryMb !== undefined && { peakMemoryMb }) };
  }

  sample(): TaskSample | undefined {
    return this.exited ? undefined : this.options.handle.sample();
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

  /** Called when the leader is gone. Ends everything that it started. */
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
    const { handle, stopSignal, stopsItsChildren } = this.options;
    if (stopsItsChildren) {
      signalWith(pid, stopSignal);
      return;
    }
    const others = new Set([...handle.members(), ...this.members()]);
    for (const other of others) if (processStat(other)?.groupId === pid) others.delete(other);
    for (const target of [-pid, ...others]) signalWith(target, stopSignal);
  }

  private kill(): void {
    if (this.exited) return;
    signalGroup(this.child.process.pid, "SIGKILL");
    // Processes that left the group must die now, not only after the leader has died.
    void this.options.handle.end();
    void this.child.kept?.end();
  }

  /** The living processes of the job that can be found. */
  private members(): number[] {
    return this.child.kept?.members() ?? processesOf(new Set([this.options.executionId]));
  }

  /** Processes that will not die do not block the job's end forever, but the log must name them. */
  private sayWhoIsLeft(): void {
    const left = whoIsLeft(this.members());
    if (left) this.options.output.system(left);
  }

  private sayThatKeeperWasKilled(): void {
    this.options.output.system(
      "The process that kept the job together was killed, so the job was ended too. A job can do that to itself.",
    );
  }

  /** The kernel does not end a job that starts too many processes. It refuses them, and the job may not report that. */
  private sayWhatWasRefused(): void {
    const { handle, limits, output } = this.options;
    const refused = handle.refusedStarts();
    if (refused === 0) return;
    output.system(
      `The job reached its limit of ${limits.pids} processes and threads; ${refused} more ${refused === 1 ? "was" : "were"} not started.`,
    );
  }

  /**
   * The kernel starts a child with the peak of the process that started it. So the child's number means something only if
   * it is above the peak of this process.
   */
  private peakOfLeader(maxRssBytes: number): number | undefined {
    // This process asks the kernel again only when its own peak may have risen, because the answer takes long.
    if (maxRssBytes > ownPeakBytes) ownPeakBytes = process.resourceUsage().maxRSS * 1024;
    return maxRssBytes > ownPeakBytes ? toMib(maxRssBytes) : undefined;
  }

  private async pump(name: "stdout" | "stderr", source: ChildStream): Promise<void> {
    const reader = source.stream.getReader();
    this.readers.push(reader);
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        this.lastReadMs = performance.now();
        this.stopWriting ??= new AbortController();
        const room = this.options.output.write(name, value, this.stopWriting.signal);
        if (!room) continue;
        this.writersBlocked++;
        await room;
        this.writersBlocked--;
      }
    } catch {
      // A broken pipe has no more output. The exit, not the pipe, shows how the command ended.
    } finally {
      source.close();
    }
  }

  /** Called when all processes of the group are gone. The pipes contain the rest of their output and then end. */
  private async readToTheEnd(): Promise<void> {
    if (await this.outputEndsWithin(EOF_MS)) return;
    if (!this.child.kept) await endStragglers(new Set([this.options.executionId]));
    const startMs = performance.now();
    for (;;) {
      if (await this.outputEndsWithin(SILENCE_MS)) return;
      // While the spool is full, nothing is read for lack of room, although there may be more output.
      if (this.writersBlocked > 0) continue;
      const nowMs = performance.now();
      if (nowMs - this.lastReadMs >= SILENCE_MS || nowMs - startMs > HELD_LIMIT_MS) break;
    }
    this.stopWriting ??= new AbortController();
    this.stopWriting.abort();
    for (const reader of this.readers) reader.cancel().catch(() => {}); // A broken stream needs no cancelling.
    await this.output;
  }

  private async outputEndsWithin(ms: number): Promise<boolean> {
    if (!this.hasOutputEnded) await inTime(ms, this.output);
    return this.hasOutputEnded;
  }
}

function signalWith(target: number, stopSignal: string): void {
  send(target, signalToSend(stopSignal));
  // A stopped process (SIGSTOP) only gets the signal once it continues.
  send(target, "SIGCONT");
}

/** Bun gives the names of signals that it knows, and the numbers of others. */
function signalName(code: string | number): string {
  return typeof code === "number" ? `SIG${code}` : code;
}
