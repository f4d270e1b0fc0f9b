import { limits } from "../../shared/limits.ts";
import { pause } from "../../shared/wait.ts";
import type { NodeSession } from "../session/node-session.ts";
import type { ServerClock } from "../session/server-clock.ts";
import type { Condition } from "./condition.ts";
import type { Worker } from "./worker.ts";

/** Answers that come at once and bring nothing new, one after the other, are asked for more and more slowly. */
const NOTHING_NEW_FIRST_PAUSE_MS = 2;
const NOTHING_NEW_PAUSE_MS = 100;

/**
 * Waits at the server for work and orders, and hands them to the worker. It asks for as many jobs as the node has
 * slots, whatever is free now: the server knows what the node still has, so a request that waits gets its jobs the
 * moment a result makes room for them.
 */
export class PollLoop {
  private readonly worker: Worker;
  private readonly clock: ServerClock;
  private readonly condition: Condition;
  /** Ends the request or the pause that is under way. */
  private current = new AbortController();
  private nothingNewPauseMs = 0;

  constructor(worker: Worker, clock: ServerClock, condition: Condition) {
    this.worker = worker;
    this.clock = clock;
    this.condition = condition;
    // A request that waits for jobs is taken back. What was on its way to us is left to its lease.
    worker.onDrain = () => this.again();
    // The server gives a node that waits what it asked for when it was otherwise.
    condition.onChange(() => this.again());
  }

  /** Asks anew at once: what was asked is no longer so, or the connection may be dead. */
  again(): void {
    this.current.abort();
  }

  async run(session: NodeSession, signal: AbortSignal): Promise<void> {
    const stop = () => this.current.abort();
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      this.current = new AbortController();
      try {
        await this.poll(session, this.current.signal);
      } catch (error) {
        if (!this.current.signal.aborted) throw error;
      }
    }
  }

  private get waitSeconds(): number {
    return this.condition.value.suspended ? limits.maxSuspendedWaitSeconds : limits.maxWaitSeconds;
  }

  private async poll(session: NodeSession, signal: AbortSignal): Promise<void> {
    const { worker, condition } = this;
    let sentAtMs = 0;
    const input = () => {
      sentAtMs = Date.now();
      // A clock that is far off is a reason to take no job, and this asks for the first time.
      const isClockKnown = this.clock.localAheadMs !== undefined;
      return {
        executions: worker.held(),
        condition: condition.value,
        maxAssignments: isClockKnown && condition.value.refusing === undefined ? worker.wanted : 0,
        // Whether the server is back is to be known now, not when the wait is over.
        waitSeconds: session.isServerAway || !isClockKnown ? 0 : this.waitSeconds,
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
    if (!isNews && pauseMs > 0) await pause(pauseMs, signal);
  }
}
