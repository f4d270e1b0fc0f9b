import { bytesText } from "../../shared/bytes-text.ts";
import type { MaskStream, SecretMask } from "../masking/secret-mask.ts";
import { LineSplitter } from "./line-splitter.ts";
import { LogCap } from "./log-cap.ts";
import { leaveOutputGarbage } from "./output-garbage.ts";
import { RunBuilder } from "./run-builder.ts";
import type { LogSpool } from "./spool.ts";

/** What the logs of all executions share. */
export interface LogRoom {
  /** Lines have been appended to this spool. */
  appended(spool: LogSpool): void;
  readonly quiet: QuietLines;
}

/** Turns the output of one execution into numbered lines and puts them in its spool. */
export class ExecutionLog {
  private readonly splitters: Record<"stdout" | "stderr", LineSplitter>;
  /** Each stream passes through its own; absent: the job has no secrets. */
  private readonly masks: Record<"stdout" | "stderr", MaskStream> | undefined;
  private readonly builder: RunBuilder;
  private toldFull = false;
  private readonly cap: LogCap;
  private readonly hurried = new AbortController();

  /**
   * @param maxBytes the most output to keep. The rest is dropped, and the log says so.
   * @param mask keeps the job's secrets out of the log.
   */
  constructor(
    readonly spool: LogSpool,
    private readonly room: LogRoom,
    private readonly maxBytes?: number,
    private readonly mask?: SecretMask,
  ) {
    this.cap = new LogCap(maxBytes);
    this.builder = new RunBuilder(spool.lastSeq + 1);
    this.masks = mask && { stdout: mask.stream(), stderr: mask.stream() };
    this.splitters = { stdout: this.splitterOf("stdout"), stderr: this.splitterOf("stderr") };
  }

  /** Takes a chunk of output. If it returns a promise, the caller must await it before it reads the next chunk. */
  write(stream: "stdout" | "stderr", bytes: Uint8Array, stop: AbortSignal): Promise<void> | undefined {
    if (this.cap.isOver) return void this.cap.take(bytes);
    leaveOutputGarbage(bytes.length);
    this.pass(stream, this.masks?.[stream].push(bytes) ?? bytes);
    if (this.cap.isOver) this.endByCap();
    this.append();
    if (this.splitters[stream].hasRest || this.masks) this.room.quiet.watch(this);
    if (!this.spool.isFull) return undefined;
    if (this.hurried.signal.aborted) return this.endForLackOfRoom();
    if (!this.toldFull) {
      this.toldFull = true;
      this.system(
        "The server is not taking the output from this node; the job waits until there is room for more.",
      );
    }
    return this.spool.roomToWrite(AbortSignal.any([stop, this.hurried.signal]));
  }

  /** The job is being ended: from now on output for which there is no room is dropped, and blocks nothing. */
  hurry(): void {
    this.hurried.abort();
  }

  /** Adds a line of the agent's own about the job. */
  system(text: string, { lost = false } = {}): void {
    this.builder.add("system", this.mask?.text(text) ?? text, { lost });
    this.append();
  }

  /** Sends unfinished lines that still wait for their newline. */
  flush(): void {
    if (this.masks && !this.cap.isOver) {
      this.pass("stdout", this.masks.stdout.flush());
      this.pass("stderr", this.masks.stderr.flush());
    }
    this.splitters.stdout.flush();
    this.splitters.stderr.flush();
    this.append();
  }

  /** No more output comes. */
  end(): void {
    this.room.quiet.forget(this);
    if (this.masks && !this.cap.isOver) {
      this.pass("stdout", this.masks.stdout.end());
      this.pass("stderr", this.masks.stderr.end());
    }
    this.splitters.stdout.end();
    this.splitters.stderr.end();
    this.append();
    const { droppedBytes } = this.cap;
    if (droppedBytes > 0) this.system(`${bytesText(droppedBytes)} more of its output was dropped.`);
  }

  private pass(stream: "stdout" | "stderr", bytes: Uint8Array): void {
    if (bytes.length > 0) this.splitters[stream].push(this.cap.take(bytes));
  }

  private endByCap(): void {
    const most = bytesText(this.maxBytes ?? 0);
    this.endWith(`the job wrote more than ${most}, the limit of this log. The job keeps running.`);
  }

  private endForLackOfRoom(): undefined {
    this.cap.close();
    this.endWith("the server is not taking the output from this node, and the job is being ended.");
    this.append();
  }

  private endWith(why: string): void {
    this.splitters.stdout.flush();
    this.splitters.stderr.flush();
    this.system(`The log ends here: ${why}`, { lost: true });
  }

  private splitterOf(stream: "stdout" | "stderr"): LineSplitter {
    return new LineSplitter({
      take: (piece, partial) => this.builder.add(stream, piece, { partial }),
      takeLines: (text, count) => this.builder.addLines(stream, text, count),
    });
  }

  private append(): void {
    const parts = this.builder.take();
    if (parts.length === 0) return;
    for (const part of parts) this.spool.append(part);
    this.room.appended(this.spool);
  }
}

const QUIET_MS = 500;

/**
 * Flushes the unfinished lines of logs that have been silent for a while (a prompt, a progress bar). One timer serves
 * all logs, and runs only while there is such a line.
 */
export class QuietLines {
  private readonly dueMs = new Map<ExecutionLog, number>();
  private timer: ReturnType<typeof setInterval> | undefined;

  /** The log has an unfinished line from now on. */
  watch(log: ExecutionLog): void {
    this.dueMs.set(log, performance.now() + QUIET_MS);
    this.timer ??= setInterval(() => this.flushDue(), QUIET_MS / 5);
  }

  forget(log: ExecutionLog): void {
    this.dueMs.delete(log);
    if (this.dueMs.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private flushDue(): void {
    const nowMs = performance.now();
    for (const [log, dueMs] of this.dueMs) {
      if (dueMs > nowMs) continue;
      this.forget(log);
      log.flush();
    }
  }
}
