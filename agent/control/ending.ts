import { counted } from "../../shared/counted.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Worker } from "../worker/worker.ts";
import type { StopHow } from "./protocol.ts";

/** What the signals of the process ask for. */
export interface EndSignals {
  /** Drain: take no new job, finish what runs, report, return. */
  stop: AbortSignal;
  /** Cancel what runs, report, return. */
  cancelAll: AbortSignal;
  /** Return soon, and leave what runs to the next agent of this directory. */
  leave: AbortSignal;
}

export interface EndingParts extends EndSignals {
  /** Stops when nothing has run for so long. */
  idleExitSeconds?: number;
  worker: Worker;
  log: Logger;
}

/** How long a stopping agent tries to hand over what it has to say before it leaves it to the next run. */
const HAND_OVER_MS = 10_000;
/** The same for one that was told twice. */
const HASTY_HAND_OVER_MS = 1_000;
/** Whatever settles something rings; nobody rings when nothing comes. */
const SETTLE_CHECK_MS = 60_000;
const IDLE_EXIT_CHECK_MS = 1_000;

/**
 * Why an agent ends, and when it may: what its owner says by signal or by command, what makes it impossible to go on,
 * and what was agreed when it was started. Whatever it is, no new job is taken, and what runs is seen through.
 */
export class Ending {
  /** What the owner said by a command, as the signals say it. */
  private readonly told = {
    drain: new AbortController(),
    cancel: new AbortController(),
    leave: new AbortController(),
  };
  private readonly stop: AbortSignal;
  private readonly cancelAll: AbortSignal;
  private readonly leave: AbortSignal;
  /** Before the server knows the node: there is nothing to see through yet. */
  readonly beforeWork: AbortSignal;
  /** Fires when nothing can be handed over any more. */
  private readonly undeliverable = new AbortController();
  private failure: Error | undefined;
  /** Why no new job is taken though nobody said so. */
  private because: string | undefined;

  constructor(private readonly parts: EndingParts) {
    this.stop = AbortSignal.any([parts.stop, this.told.drain.signal, this.told.cancel.signal]);
    this.cancelAll = AbortSignal.any([parts.cancelAll, this.told.cancel.signal]);
    this.leave = AbortSignal.any([parts.leave, this.told.leave.signal]);
    this.beforeWork = AbortSignal.any([this.stop, this.leave]);
  }

  /** What made it end though nobody had told it to. */
  get error(): Error | undefined {
    return this.stop.aborted ? undefined : this.failure;
  }

  /** In words; undefined: it is not about to end. */
  get why(): string | undefined {
    if (this.leave.aborted) return stopInWords.leave;
    if (this.cancelAll.aborted) return stopInWords.cancel;
    if (this.stop.aborted) return stopInWords.drain;
    if (this.failure) return this.failure.message;
    if (this.because) return this.because;
    return this.parts.worker.isDraining ? "It has taken as many jobs as it was to take." : undefined;
  }

  tell(how: StopHow): void {
    this.parts.log.info(`Told by its owner to stop: ${stopInWords[how]}`);
    this.told[how].abort();
  }

  /** The agent cannot go on. The first failure is the one that is told. */
  fail(failure: Error): void {
    const { worker, log } = this.parts;
    if (this.failure === undefined) {
      this.failure = failure;
      log.error(failure.message);
      this.sayWhatStillRuns();
    }
    worker.drain();
  }

  /** What runs is not this agent's any more, and not to be waited for. */
  leaveNow(): void {
    this.told.leave.abort();
  }

  nothingCanBeHandedOver(): void {
    this.undeliverable.abort();
  }

  /** Passes on to the worker what it is told, until `over`. */
  listen(over: AbortSignal): void {
    const { worker } = this.parts;
    const drain = () => {
      this.sayWhatStillRuns();
      worker.drain();
    };
    const cancel = () => {
      worker.drain();
      worker.cancelAll();
    };
    onAbort(this.stop, drain, over);
    onAbort(this.cancelAll, cancel, over);
    onAbort(this.leave, () => worker.drain(), over);
  }

  /** Resolves when there is nothing left to do: draining, nothing runs, and all is handed over or cannot be. */
  async untilSettled(over: AbortSignal): Promise<void> {
    const { worker, idleExitSeconds } = this.parts;
    const checkMs = idleExitSeconds === undefined ? SETTLE_CHECK_MS : IDLE_EXIT_CHECK_MS;
    while (!worker.isDraining || (worker.running > 0 && !this.leave.aborted)) {
      await worker.settled.wait(over, checkMs);
      this.endIfIdle();
    }
    const startMs = performance.now();
    const { signal } = this.undeliverable;
    while (worker.unsent > 0 && !signal.aborted) {
      const isHasty = this.cancelAll.aborted || this.leave.aborted;
      const leftMs = startMs + (isHasty ? HASTY_HAND_OVER_MS : HAND_OVER_MS) - performance.now();
      if (leftMs <= 0) return;
      await worker.settled.wait(signal, leftMs);
    }
  }

  private sayWhatStillRuns(): void {
    const { worker, log } = this.parts;
    if (worker.running > 0) log.info(`Taking no new jobs; ${counted(worker.running, "job")} still running.`);
  }

  private endIfIdle(): void {
    const { worker, idleExitSeconds = Number.POSITIVE_INFINITY, log } = this.parts;
    if (worker.isDraining || worker.idleMs < idleExitSeconds * 1_000) return;
    this.because = `No job came for ${idleExitSeconds} s.`;
    log.info(this.because);
    worker.drain();
  }
}

const stopInWords: Record<StopHow, string> = {
  drain: "It takes no new job, and ends when what runs has ended.",
  leave: "It ends at once, and what runs goes on.",
  cancel: "What runs is cancelled, and then it ends.",
};

/** Calls `listener` when `signal` fires, or now if it has; no longer once `until` has fired. */
function onAbort(signal: AbortSignal, listener: () => void, until: AbortSignal): void {
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true, signal: until });
}
