import type { Compute } from "../../sdk/index.ts";
import { codeOf } from "../../shared/code-of.ts";
import { textOf } from "../../shared/text-of.ts";
import { inTime } from "../../shared/wait.ts";
import { patience } from "../connection/connect.ts";
import { LeftError } from "../exit/failure.ts";
import { type EndingSignal, heededSignals } from "../exit/signals.ts";
import { BrokenPipeError, type Output } from "../output/output.ts";

/** A second Ctrl-C within this time cancels the job; a single one ends only our view of it. */
const CANCEL_WITHIN_MS = 2_000;
/** How long a command that is being ended waits for the end of the job that it cancels. */
const CANCEL_LIMIT_MS = 10_000;
/** A reader that does not take our output must not keep us from ending. */
const LEAVE_LIMIT_MS = 1_000;

/** Errors that end a wait because it lost its access. Its jobs go on. */
const endedAccess = ["token_expired", "session_ended", "unauthenticated"];

export interface AttachOptions {
  /** Cancel the jobs when this command is ended. */
  cancelOnExit?: boolean;
  /** A first Ctrl-C cancels the jobs and waits for their end, however long that takes; a second leaves. */
  interruptCancels?: boolean;
  /** Calls `onGone`, which ends the view, when the reader of our output goes. Returns how to stop watching. */
  watchReader?: (onGone: () => void) => () => void;
}

/**
 * Runs something that waits for jobs, and handles signals meanwhile. A first Ctrl-C leaves the jobs alone and ends the
 * wait, a second cancels them and waits for their end, a third ends the wait anyway; TERM and HUP end the wait. With
 * `cancelOnExit` each of them cancels the jobs first, and so does a reader that goes. Throws LeftError if a signal ended
 * the wait or the jobs, and BrokenPipeError if the reader went.
 */
export async function attached<T>(
  compute: Compute,
  jobIds: readonly string[],
  output: Output,
  body: (signal: AbortSignal) => Promise<T>,
  options: AttachOptions = {},
): Promise<T> {
  const attachment = new Attachment(compute, jobIds, output, options);
  try {
    const result = await Promise.race([body(attachment.signal), attachment.leftInTime()]);
    attachment.throwIfEnded();
    return result;
  } catch (caught) {
    const error = ownError(caught);
    await attachment.leave(error);
    throw error;
  } finally {
    attachment.close();
  }
}

/** What the body threw. When a reader goes, closing the writer often fails as well, and that error wraps the first. */
function ownError(error: unknown): unknown {
  return error instanceof SuppressedError ? ownError(error.suppressed) : error;
}

class Attachment {
  private readonly left = new AbortController();
  private readonly stops: (() => void)[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** The signal that ends us when the jobs are over. */
  private endedBy: EndingSignal | undefined;
  private isCancelling = false;

  constructor(
    private readonly compute: Compute,
    private readonly jobIds: readonly string[],
    private readonly output: Output,
    private readonly options: AttachOptions,
  ) {
    for (const name of heededSignals()) {
      const onSignal = () => this.onSignal(name);
      process.on(name, onSignal);
      this.stops.push(() => process.off(name, onSignal));
    }
    const stopWatch = options.watchReader?.(() => this.left.abort(new BrokenPipeError("broken pipe")));
    if (stopWatch) this.stops.push(stopWatch);
  }

  get signal(): AbortSignal {
    return this.left.signal;
  }

  /** Rejects if the wait still goes on some time after it was ended. */
  leftInTime(): Promise<never> {
    return new Promise((_, reject) => {
      this.signal.addEventListener("abort", () =>
        setTimeout(() => reject(this.signal.reason), LEAVE_LIMIT_MS),
      );
    });
  }

  /** Throws if the jobs are over because a signal told us to end. */
  throwIfEnded(): void {
    if (this.endedBy && this.isCancelling) throw new LeftError(this.endedBy);
  }

  /** Does and reports what is needed when the wait ends early. */
  async leave(error: unknown): Promise<void> {
    if (error instanceof BrokenPipeError && this.options.cancelOnExit && !this.isCancelling) {
      await this.cancelAll(AbortSignal.timeout(CANCEL_LIMIT_MS)).catch((failure) =>
        this.sayNotCancelled(failure),
      );
    }
    if (error instanceof LeftError && !this.isCancelling) {
      this.tell(`to follow it again: tanvrit-compute job logs -f ${this.jobIds[0]}`);
    }
    if (endedAccess.includes(codeOf(error) ?? "")) {
      this.tell(
        `${this.jobs} ${this.goOn}. To continue waiting: tanvrit-compute job wait ${this.jobIds.join(" ")}`,
      );
    }
    // Write the last notes before we die, if anybody reads them.
    await inTime(LEAVE_LIMIT_MS, this.output.settled());
  }

  close(): void {
    clearTimeout(this.timer);
    for (const stop of this.stops) stop();
  }

  private onSignal(name: EndingSignal): void {
    const isFirst = this.endedBy === undefined;
    this.endedBy = name;
    if (this.isCancelling) {
      this.detach();
    } else if (name === "SIGINT" && this.options.interruptCancels) {
      this.endedBy = undefined;
      this.cancel(`cancelling ${this.jobs}; once more to leave without waiting for the end.`);
    } else if (this.options.cancelOnExit) {
      this.timer = setTimeout(() => this.detach(), CANCEL_LIMIT_MS);
      this.cancel(`cancelling ${this.jobs}, as --cancel-on-exit asks.`);
    } else if (name !== "SIGINT") {
      this.tell(`leaving; ${this.jobs} ${this.goOn}.`);
      this.detach();
    } else if (isFirst) {
      const again = `Press Ctrl-C again within ${CANCEL_WITHIN_MS / 1_000} s to cancel.`;
      this.tell(`leaving; ${this.jobs} ${this.goOn}. ${again}`, "\n");
      this.timer = setTimeout(() => this.detach(), CANCEL_WITHIN_MS);
    } else {
      clearTimeout(this.timer);
      this.cancel(`cancelling ${this.jobs}; once more to leave without waiting for the end.`);
    }
  }

  private cancel(what: string): void {
    this.isCancelling = true;
    this.tell(what, "\n");
    this.cancelAll(this.left.signal).catch((error: unknown) => {
      this.sayNotCancelled(error);
      this.left.abort(error);
    });
  }

  private async cancelAll(signal: AbortSignal): Promise<void> {
    for (const jobId of this.jobIds) {
      await this.compute.jobs.cancel(jobId, patience(this.output, signal)).catch((error) => {
        // A job that has ended meanwhile needs no cancelling.
        if (codeOf(error) !== "conflict") throw error;
      });
    }
  }

  private sayNotCancelled(error: unknown): void {
    if (error instanceof LeftError) return;
    this.tell(`${this.jobs} could not be cancelled and may keep running: ${textOf(error)}`);
  }

  private detach(): void {
    if (this.endedBy) this.left.abort(new LeftError(this.endedBy));
  }

  private get jobs(): string {
    return this.jobIds.length === 1 ? `job ${this.jobIds[0]}` : `the ${this.jobIds.length} jobs`;
  }

  private get goOn(): string {
    return this.jobIds.length === 1 ? "goes on" : "go on";
  }

  private tell(line: string, before = ""): void {
    // A signal must work even if nobody reads what we say.
    this.output.note(`${before}tanvrit-compute: ${line}`).catch(() => undefined);
  }
}
