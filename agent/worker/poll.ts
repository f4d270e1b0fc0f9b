import type { EndpointInput } from "../../shared/endpoints/index.ts";
import { limits } from "../../shared/limits.ts";
import { pause } from "../../shared/wait.ts";
import { isCode } from "../session/errors.ts";
import type { NodeSession } from "../session/node-session.ts";
import type { ServerClock } from "../session/server-clock.ts";
import type { Condition } from "./condition.ts";
import type { Worker } from "./worker.ts";

/** While answers come immediately and bring nothing new, the pause before the next request doubles from this. */
const NOTHING_NEW_FIRST_PAUSE_MS = 2;
const NOTHING_NEW_PAUSE_MS = 100;
/** The longest pause between two requests while jobs wait for a slot: orders of the server come with the answers. */
const MAX_PAUSE_MS = 50;

/**
 * Long-polls the server for jobs and orders, and hands them to the worker. It asks for as many jobs as the node has
 * slots, even when some are taken. The server knows what the node still runs, so a waiting request gets its jobs the
 * moment a result makes room for them. While jobs end quickly, it asks for some more ahead of free slots, so that no slot
 * waits for the next answer.
 */
export class PollLoop {
  /** Ends the current request or pause. */
  private current = new AbortController();
  private nothingNewPauseMs = 0;

  constructor(
    private readonly worker: Worker,
    private readonly clock: ServerClock,
    private readonly condition: Condition,
  ) {
    // A draining worker takes no jobs, so the waiting request is withdrawn. A job already on its way here is left to
    // its lease.
    worker.drained.subscribe(() => this.again());
    // The waiting request still asks for jobs on the terms of the old condition.
    condition.changed.subscribe((now) => {
      if (now.refusing !== undefined) worker.intake.giveBack(`Its node takes no jobs: ${now.refusing}.`);
      this.again();
    });
    // The waiting request may still ask for jobs ahead, and would get these again.
    worker.intake.givingBack.subscribe(() => this.again());
  }

  /** Sends a new request immediately: the waiting one is out of date, or its connection may be dead. */
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
      // A clock that is far off is a reason to take no job. Until the first answer the server's time is unknown.
      const isClockKnown = this.clock.localAheadMs !== undefined;
      const maxAssignments =
        isClockKnown && condition.value.refusing === undefined ? worker.intake.wanted : 0;
      const ahead = maxAssignments > 0 && !condition.value.suspended ? worker.intake.ahead : 0;
      return {
        executions: worker.held(),
        condition: condition.value,
        maxAssignments,
        ...(ahead > 0 && { ahead }),
        // Whether the server is back must be known now, not when the wait is over.
        waitSeconds: session.isServerAway || !isClockKnown ? 0 : this.waitSeconds,
      };
    };
    const answer = await this.ask(session, input, signal);
    worker.intake.takesAhead = answer.takesAhead === true;
    this.clock.sample(answer.now, sentAtMs, Date.now());
    const changed = worker.obey(answer);
    worker.assign(answer.assignments);
    await worker.intake.untilShort(signal, MAX_PAUSE_MS);
    const isNews = changed || answer.assignments.length > 0 || Date.now() - sentAtMs > NOTHING_NEW_PAUSE_MS;
    const pauseMs = this.nothingNewPauseMs;
    this.nothingNewPauseMs = isNews
      ? 0
      : Math.min(Math.max(pauseMs * 2, NOTHING_NEW_FIRST_PAUSE_MS), NOTHING_NEW_PAUSE_MS);
    if (!isNews && pauseMs > 0) await pause(pauseMs, signal);
  }

  /** Another server may answer than the one that took `ahead`, and be of an earlier version. */
  private async ask(session: NodeSession, input: () => EndpointInput<"nodes.poll">, signal: AbortSignal) {
    try {
      return await session.call("nodes.poll", input, signal);
    } catch (error) {
      if (!isCode(error, "invalid_request")) throw error;
      this.worker.intake.takesAhead = false;
      return session.call("nodes.poll", input, signal);
    }
  }
}
