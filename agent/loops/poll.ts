import { limits } from "../../shared/limits.ts";
import type { NodeSession } from "../node-session.ts";
import type { ServerClock } from "../server-clock.ts";
import { pause } from "../wait.ts";
import type { Worker } from "../worker.ts";

/**
 * A node that has just become full asks for orders only after this long: with short jobs a slot is free long before,
 * and a request that is taken back at once is only work for both sides.
 */
const FULL_PAUSE_MS = 50;
/** Answers that come at once and bring nothing new, one after the other, are asked for more and more slowly. */
const NOTHING_NEW_FIRST_PAUSE_MS = 2;
const NOTHING_NEW_PAUSE_MS = 100;
const MAX_ASSIGNMENTS = 1_000;

/** Waits at the server for work and orders, and hands them to the worker. */
export class PollLoop {
  private readonly worker: Worker;
  private readonly clock: ServerClock;
  /** Ends the request or the pause that is under way. */
  private current = new AbortController();
  /** How many assignments the request under way asks for; 0 also while pausing. */
  private asked = 0;
  private nothingNewPauseMs = 0;

  constructor(worker: Worker, clock: ServerClock) {
    this.worker = worker;
    this.clock = clock;
    worker.onCapacity = () => this.capacityChanged();
  }

  async run(session: NodeSession, signal: AbortSignal): Promise<void> {
    const stop = () => this.current.abort();
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      this.current = new AbortController();
      this.asked = 0;
      if (this.worker.freeSlots === 0) await pause(FULL_PAUSE_MS, this.current.signal);
      // The pause may have been ended; the request is a new thing to end.
      if (this.current.signal.aborted) continue;
      try {
        await this.poll(session, this.current.signal);
      } catch (error) {
        if (!this.current.signal.aborted) throw error;
      }
    }
  }

  private async poll(session: NodeSession, signal: AbortSignal): Promise<void> {
    const { worker } = this;
    let sentAtMs = 0;
    const input = () => {
      sentAtMs = Date.now();
      this.asked = Math.min(worker.freeSlots, MAX_ASSIGNMENTS);
      return {
        executions: worker.held(),
        maxAssignments: this.asked,
        waitSeconds: limits.maxWaitSeconds,
      };
    };
    const answer = await session.call("nodes.poll", input, signal);
    this.clock.sample(answer.now, sentAtMs, Date.now());
    const changed = worker.obey(answer);
    worker.assign(answer.assignments);
    const isNews = changed || answer.assignments.length > 0 || Date.now() - sentAtMs > NOTHING_NEW_PAUSE_MS;
    const pauseMs = this.nothingNewPauseMs;
    this.nothingNewPauseMs = isNews
      ? 0
      : Math.min(Math.max(pauseMs * 2, NOTHING_NEW_FIRST_PAUSE_MS), NOTHING_NEW_PAUSE_MS);
    if (isNews || pauseMs === 0) return;
    this.asked = 0;
    await pause(pauseMs, signal);
  }

  /**
   * A request that asks for nothing hides the slot that is free now, one that asks for jobs while draining would get
   * some. Taking it back loses nothing: what was on its way to us is handed out again, or left to its lease.
   */
  private capacityChanged(): void {
    const { freeSlots } = this.worker;
    if ((this.asked === 0) !== (freeSlots === 0)) this.current.abort();
  }
}
