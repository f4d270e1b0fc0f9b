import type { Compute } from "../../sdk/index.ts";
import { flagOption } from "../../shared/config/options.ts";
import { patience } from "../connection/connect.ts";
import { LeftError } from "../exit/failure.ts";
import { type EndingSignal, heededSignals } from "../exit/signals.ts";
import { BrokenPipeError, type Output } from "../output/output.ts";

/** A second Ctrl-C within this time means the job, not only our view of it. */
const CANCEL_WITHIN_MS = 2_000;
/** How long a command that is being ended itself waits for the end of the job that it cancels. */
const CANCEL_LIMIT_MS = 10_000;
/** Whoever does not take our output must not keep us from ending. */
const LEAVE_LIMIT_MS = 1_000;

/** By whatever a wait is not let in any more, its jobs do not end with it. */
const endedAccess = ["token_expired", "session_ended", "unauthenticated"];

export const cancelOnExitOption = {
  "cancel-on-exit": flagOption(
    "Cancel the job when this command is ended by Ctrl-C, TERM or HUP, or nobody reads its output any more",
    "Output and waiting",
  ),
};

export interface AttachOptions {
  /** The job goes when we do. */
  cancelOnExit?: boolean;
  /** Called with what ends the view when the reader of our output goes. Returns what stops the watch. */
  watchReader?: (onGone: () => void) => () => void;
}

/**
 * Runs something that waits for jobs while the signals keep their meaning. Ctrl-C once leaves the jobs alone and ends the
 * wait, twice cancels them and waits for their end, a third time ends the wait anyway; TERM and HUP end the wait. With
 * `cancelOnExit` each of them cancels the jobs first, and so does a reader that goes. Throws LeftError with the signal
 * where one ended the wait or the jobs, and BrokenPipeError where the reader did.
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
  } catch (error) {
    await attachment.leave(error);
    throw error;
  } finally {
    attachment.close();
  }
}

class Attachment {
  private readonly left = new AbortController();
  private readonly stops: (() => void)[] = [];
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** What ends us when the jobs are over. */
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

  /** Rejects when the wait was ended some time ago and still goes on. */
  leftInTime(): Promise<never> {
    return new Promise((_, reject) => {
      this.signal.addEventListener("abort", () =>
        setTimeout(() => reject(this.signal.reason), LEAVE_LIMIT_MS),
      );
    });
  }

  /** The jobs are over because we were told to end. */
  throwIfEnded(): void {
    if (this.endedBy && this.isCancelling) throw new LeftError(this.endedBy);
  }

  /** Says and does what is due when the wait ends early. */
  async leave(error: unknown): Promise<void> {
    if (error instanceof BrokenPipeError && this.options.cancelOnExit && !this.isCancelling) {
      await this.cancelAll(AbortSignal.timeout(CANCEL_LIMIT_MS)).catch((failure) =>
        this.sayNotCancelled(failure),
      );
    }
    if (error instanceof LeftError && !this.isCancelling) {
      this.tell(`to follow it again: tanvrit-compute job logs -f ${this.jobIds[0]}`);
    }
    if (endedAccess.includes((error as { code?: string }).code ?? "")) {
      this.tell(
        `${this.jobs} ${this.goOn}. To go on waiting: tanvrit-compute job wait ${this.jobIds.join(" ")}`,
      );
    }
    // What was told last is written before we die, if anybody takes it.
    await Promise.race([this.output.settled(), Bun.sleep(LEAVE_LIMIT_MS)]);
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
      this.cancel(`cancelling ${this.jobs}; once more leaves without waiting for the end.`);
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
        // One that is over meanwhile needs no cancelling.
        if ((error as { code?: string }).code !== "conflict") throw error;
      });
    }
  }

  private sayNotCancelled(error: unknown): void {
    if (error instanceof LeftError) return;
    this.tell(`${this.jobs} could not be cancelled and may go on: ${(error as Error).message}`);
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
    // A signal must work also where nobody reads what we say.
    this.output.note(`${before}tanvrit-compute: ${line}`).catch(() => undefined);
  }
}
