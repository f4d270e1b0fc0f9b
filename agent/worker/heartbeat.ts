import { pause } from "../../shared/wait.ts";
import { type NodeSession, SessionEndedError } from "../session/node-session.ts";
import type { ServerClock } from "../session/server-clock.ts";
import type { Condition } from "./condition.ts";
import type { Worker } from "./worker.ts";

export interface HeartbeatParts {
  worker: Worker;
  clock: ServerClock;
  condition: Condition;
  onSessionEnded(error: SessionEndedError): void;
}

/**
 * Says at a steady pace that the node is alive, how it is and what it holds, and hands the orders to the worker. It
 * goes on after the session has ended: what still runs is alive, and may finish. While the agent sleeps it pauses:
 * the poll is sign of life enough.
 */
export class HeartbeatLoop {
  private readonly parts: HeartbeatParts;
  /** Ends the request or the pause that is under way. */
  private current = new AbortController();

  constructor(parts: HeartbeatParts) {
    this.parts = parts;
    parts.condition.onChange(() => this.now());
  }

  /** The next one is sent at once. One that is under way says what is no longer so, or its connection is dead. */
  now(): void {
    this.current.abort();
  }

  async run(session: NodeSession, signal: AbortSignal): Promise<void> {
    signal.addEventListener("abort", () => this.now(), { once: true });
    while (!signal.aborted) {
      this.current = new AbortController();
      try {
        await this.beat(session, this.current.signal);
      } catch (error) {
        if (!this.current.signal.aborted) throw error;
      }
      await this.parts.condition.untilAwake(signal);
    }
  }

  private async beat(session: NodeSession, signal: AbortSignal): Promise<void> {
    const { worker, clock, condition, onSessionEnded } = this.parts;
    let sentAtMs = 0;
    const input = () => {
      sentAtMs = Date.now();
      return { executions: worker.held(), condition: condition.value };
    };
    try {
      const orders = await session.call("nodes.heartbeat", input, signal);
      clock.sample(orders.now, sentAtMs, Date.now());
      worker.obey(orders);
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
      onSessionEnded(error);
    }
    await pause(session.heartbeatSeconds * 1_000, signal);
  }
}
