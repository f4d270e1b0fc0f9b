import { counted } from "../../shared/counted.ts";
import type { Logger } from "../../shared/logger.ts";
import type { Worker } from "../worker/worker.ts";
import type { StopHow } from "./protocol.ts";

/** What the signals of the process ask for. */
export interface EndSignals {
  /** Drain: take no new job, finish the running jobs, report, return. */
  stop: AbortSignal;
  /** Cancel the running jobs, report, return. */
  cancelAll: AbortSignal;
  /** Return soon, and leave the running jobs to the next agent of this directory. */
  leave: AbortSignal;
}

export interface EndingParts extends EndSignals {
  /** Stops when nothing has run for this long. */
  idleExitSeconds?: number;
  worker: Worker;
  log: Logger;
}

/** How long a stopping agent tries to deliver lines and results before it leaves them to the next run. */
const HAND_OVER_MS = 10_000;
/** The same for an agent that cancels its jobs or leaves. */
const HASTY_HAND_OVER_MS = 1_000;
/** The worker rings when something is settled, so this check is only a safeguard. */
const SETTLE_CHECK_MS = 60_000;
const IDLE_EXIT_CHECK_MS = 1_000;

/**
 * Decides why and when an agent ends: because of a signal or a command of its owner, because it cannot go on, or
 * because of an option it was started with (`maxJobs`, `idleExitSeconds`). In any case it takes no new job. Unless it is
 * told to leave, it waits for the running jobs to end.
 */
export class Ending {
  /** The owner's commands, as signals. */
  private readonly told = {
    drain: new AbortController(),
    cancel: new AbortController(),
    leave: new AbortController(),
  };
  private readonly stop: AbortSignal;
  private readonly cancelAll: AbortSignal;
  private readonly leave: AbortSignal;
  /** Ends a registration that is under way: until the server knows the node there is nothing to wait for. */
  readonly beforeWork: AbortSignal;
  /** Fires when nothing can be delivered any more. */
  private readonly undeliverable = new AbortController();
  private failure: Error | undefined;
  /** Why the agent drains although its owner did not say so. */
  private because: string | undefined;

  constructor(private readonly parts: EndingParts) {
    this.stop = AbortSignal.any([parts.stop, this.told.drain.signal, this.told.cancel.signal]);
    this.cancelAll = AbortSignal.any([parts.cancelAll, this.told.cancel.signal]);
    this.leave = AbortSignal.any([parts.leave, this.told.leave.signal]);
    this.beforeWork = AbortSignal.any([this.stop, this.leave]);
  }

  /** The failure that made the agent end; undefined: none, or its owner told it to stop. */
  get error(): Error | undefined {
    return this.stop.aborted ? undefined : this.failure;
  }

  /** Why the agent is about to end, in words; undefined: it is not. */
  get why(): string | undefined {
    if (this.leave.aborted) return stopInWords.leave;
    if (this.cancelAll.aborted) return stopInWords.cancel;
    if (this.stop.aborted) return stopInWords.drain;
    if (this.failure) return this.failure.message;
    if (this.because) return this.because;
    return this.parts.worker.isDraining ? "It has taken as many jobs as it was started for." : undefined;
  }

  tell(how: StopHow): void {
    this.parts.log.info(`The owner told the agent to stop. ${stopInWords[how]}`);
    this.told[how].abort();
  }

  /** The agent cannot go on. Only the first failure is logged. */
  fail(failure: Error): void {
    const { worker, log } = this.parts;
    if (this.failure === undefined) {
      this.failure = failure;
      log.error(failure.message);
      this.sayWhatStillRuns();
    }
    worker.drain();
  }

  /** The running jobs no longer belong to this agent, which must not wait for them. */
  leaveNow(): void {
    this.told.leave.abort();
  }

  nothingCanBeHandedOver(): void {
    this.undeliverable.abort();
  }

  /** Passes the owner's signals on to the worker, until `over` fires. */
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

  /** Resolves when the agent drains, nothing runs, and everything is delivered or cannot be. */
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
  drain: "It takes no new jobs, and ends when the running jobs have ended.",
  leave: "It ends now, and its jobs keep running.",
  cancel: "It cancels the running jobs, and then ends.",
};

/** Calls `listener` when `signal` fires, or now if it already has; never after `until` has fired. */
function onAbort(signal: AbortSignal, listener: () => void, until: AbortSignal): void {
  if (signal.aborted) listener();
  else signal.addEventListener("abort", listener, { once: true, signal: until });
}
