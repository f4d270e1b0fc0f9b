import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import { batchOf, type LineRuns } from "../../shared/line-runs.ts";
import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { Bell, pause } from "../../shared/wait.ts";
import type { LineQueue } from "../logs/line-queue.ts";
import { leaveOutputGarbage } from "../logs/output-garbage.ts";
import type { NodeSession } from "../session/node-session.ts";

export interface ShipListener {
  /** The server has stored all lines up to `seq`. More may follow. */
  linesStored(executionId: string, seq: number): void;
  linesRefused(executionId: string): void;
  /** The server has no room for the lines now; they are sent again. */
  linesHeldUp(executionId: string): void;
  /** The server will never take the rest. */
  linesGivenUp(executionId: string): void;
}

/** The approximate size of a request. As JSON it may be a few times larger, which is still below the server's limit. */
const REQUEST_CHARS = 2 * 1024 * 1024;
const MAX_BATCHES = 1_000;
const IDLE_MS = 60_000;
/** The pause before lines are sent again to a server whose disk is full. */
const FULL_PAUSE_MS = 2_000;

interface Shipment {
  queue: LineQueue;
  lines: LineRuns;
}

/**
 * Sends the lines of all executions, one request at a time. A line that comes between requests leaves immediately.
 * Lines that come during a request go together in the next, which the executions share fairly.
 */
export class LogShipper {
  private readonly bell = new Bell();
  /** Queues with unsent lines, the one served last at the end. */
  private readonly waiting = new Set<LineQueue>();
  /** The server's last answer was that it has no room for output. */
  private isServerFull = false;

  appended(queue: LineQueue): void {
    if (queue.isDelivered) return;
    this.waiting.add(queue);
    this.bell.ring();
  }

  async run(session: NodeSession, listener: ShipListener, log: Logger, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const shipments = this.load();
      if (shipments.length === 0) await this.bell.wait(signal, IDLE_MS);
      else await this.ship(shipments, session, listener, log, signal);
      if (this.isServerFull) await pause(FULL_PAUSE_MS, signal);
    }
  }

  private load(): Shipment[] {
    const shipments: Shipment[] = [];
    const count = Math.min(this.waiting.size, MAX_BATCHES);
    let linesLeft: number = limits.maxLogLinesPerRequest;
    let charsLeft = REQUEST_CHARS;
    let queuesLeft = count;
    for (const queue of [...this.waiting].slice(0, count)) {
      this.waiting.delete(queue);
      if (queue.isDelivered) continue;
      this.waiting.add(queue);
      // A queue that does not need all of its share leaves the rest to the queues behind it.
      const maxLines = Math.ceil(linesLeft / queuesLeft);
      const lines = queue.peek({ maxLines, maxChars: Math.ceil(charsLeft / queuesLeft) });
      queuesLeft--;
      if (!lines) continue;
      linesLeft -= lines.lastSeq - lines.firstSeq + 1;
      charsLeft -= lines.chars;
      shipments.push({ queue, lines });
      if (linesLeft <= 0 || charsLeft <= 0) break;
    }
    return shipments;
  }

  private async ship(
    shipments: Shipment[],
    session: NodeSession,
    listener: ShipListener,
    log: Logger,
    signal: AbortSignal,
  ): Promise<void> {
    const batches = shipments.map(({ queue, lines }) => batchOf(queue.executionId, lines));
    try {
      const { stored } = await session.call("nodes.logs", () => ({ batches }), signal);
      this.noteFull(stored.includes("full"), log);
      for (const [i, shipment] of shipments.entries()) {
        this.settle(shipment, stored[i] ?? 0, listener, log);
      }
    } catch (error) {
      if (!(error instanceof ComputeError)) throw error;
      if (shipments.length > 1) {
        // One of the batches is at fault. Sent alone, each shows whether it is the one.
        for (const shipment of shipments) await this.ship([shipment], session, listener, log, signal);
        return;
      }
      for (const shipment of shipments) this.giveUp(shipment, textOf(error), listener, log);
    }
  }

  private noteFull(isFull: boolean, log: Logger): void {
    if (isFull === this.isServerFull) return;
    this.isServerFull = isFull;
    if (isFull) log.warn("The server's disk is full, so it takes no output; the output of jobs waits here.");
    else log.info("The server has room for output again.");
  }

  private settle(
    shipment: Shipment,
    stored: number | "stale" | "full",
    listener: ShipListener,
    log: Logger,
  ): void {
    const { queue, lines } = shipment;
    // They came from the supervisor, and went to the server.
    leaveOutputGarbage(2 * lines.chars);
    if (stored === "full") {
      listener.linesHeldUp(queue.executionId);
      return;
    }
    if (stored === "stale") {
      this.waiting.delete(queue);
      listener.linesRefused(queue.executionId);
      return;
    }
    const { firstSeq: first } = lines;
    if (stored < first - 1 && queue.fillHole(stored)) {
      const what = `${first - 1 - stored} lines of ${queue.executionId} could not be read back from this disk`;
      log.warn(`${what}; its log has a note in their place.`);
      return;
    }
    if (stored < first) {
      this.giveUp(shipment, `it has ${stored} lines and was sent line ${first} next`, listener, log);
      return;
    }
    queue.acknowledge(stored);
    if (queue.isDelivered) this.waiting.delete(queue);
    listener.linesStored(queue.executionId, stored);
  }

  /** The job and its result matter more than lines that the server will never take. */
  private giveUp({ queue }: Shipment, why: string, listener: ShipListener, log: Logger): void {
    const { executionId } = queue;
    log.error(`The server takes no more lines of ${executionId}, so the rest is dropped: ${why}`, {
      executionId,
    });
    this.waiting.delete(queue);
    listener.linesGivenUp(executionId);
  }
}
