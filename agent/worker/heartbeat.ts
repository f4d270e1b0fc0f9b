import type { EndpointInput } from "../../shared/endpoints/index.ts";
import type { NodeLoad } from "../../shared/node.ts";
import { pause } from "../../shared/wait.ts";
import { isCode, SessionEndedError } from "../session/errors.ts";
import type { NodeSession } from "../session/node-session.ts";
import type { ServerClock } from "../session/server-clock.ts";
import type { Condition } from "./condition.ts";
import type { LoadReport } from "./load-report.ts";
import type { Worker } from "./worker.ts";

export interface HeartbeatParts {
  worker: Worker;
  clock: ServerClock;
  condition: Condition;
  /** What the machine and its executions use. */
  load: LoadReport;
  /** The owner wants a new key when it is this old; undefined: when the server says so. */
  rotateKeyDays(): number | undefined;
  /** Nobody is signed in for the node, as every heartbeat finds until somebody is. */
  onSessionEnded(error: SessionEndedError): void;
}

type Beat = EndpointInput<"nodes.heartbeat">;

const DAY_MS = 24 * 3_600_000;

/**
 * Tells the server at a steady pace that the node is alive, its condition and its executions, and hands the orders in
 * the answer to the worker. It continues after the session has ended, because jobs that still run may finish. It
 * pauses while the agent sleeps, when the poll is enough of a sign of life.
 */
export class HeartbeatLoop {
  /** Ends the current request or pause. */
  private current = new AbortController();

  constructor(private readonly parts: HeartbeatParts) {
    parts.condition.changed.subscribe(() => this.now());
  }

  /** Sends the next heartbeat immediately: the current request is out of date, or its connection may be dead. */
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

  /** Another server may answer than the one that asked for the load, and be of an earlier version. */
  private async withLoad<T>(send: (input: () => Beat) => Promise<T>): Promise<T> {
    const { load } = this.parts;
    let taken: NodeLoad | undefined;
    try {
      return await send(() => {
        taken ??= load.take();
        return taken === undefined ? this.beatNow() : { ...this.beatNow(), load: taken };
      });
    } catch (error) {
      if (taken === undefined || !isCode(error, "invalid_request")) throw error;
      return send(() => this.beatNow());
    }
  }

  private beatNow(): Beat {
    const { worker, condition } = this.parts;
    const collecting = worker.collecting();
    // The server would extend the leases of those that wait to begin.
    const held = { executions: worker.begun(), condition: condition.value };
    // Servers of earlier versions know neither outputs nor this field.
    return collecting.length > 0 ? { ...held, collecting } : held;
  }

  private isKeyOld({ keySinceMs }: NodeSession): boolean {
    const days = this.parts.rotateKeyDays();
    return days !== undefined && keySinceMs !== undefined && Date.now() - keySinceMs >= days * DAY_MS;
  }

  private async beat(session: NodeSession, signal: AbortSignal): Promise<void> {
    const { worker, clock, load, onSessionEnded } = this.parts;
    let sentAtMs = 0;
    const sending = (input: () => Beat) =>
      session.callNow(
        "nodes.heartbeat",
        () => {
          sentAtMs = Date.now();
          return input();
        },
        signal,
      );
    try {
      const orders = await this.withLoad(sending);
      load.wanted = orders.wantsLoad === true;
      clock.sample(orders.now, sentAtMs, Date.now());
      worker.obey(orders);
      if (orders.rotateKey || this.isKeyOld(session)) await session.rotateKey(signal);
    } catch (error) {
      if (!(error instanceof SessionEndedError)) throw error;
      onSessionEnded(error);
    }
    await pause(session.heartbeatSeconds * 1_000, signal);
  }
}
