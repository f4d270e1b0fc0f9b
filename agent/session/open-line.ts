import { UnreachableError } from "../../sdk/errors.ts";
import type { LineAnswer, LineCallOptions } from "../../sdk/line.ts";
import { TimeLimitError } from "../../sdk/time-limit.ts";
import { callFrame, cancelFrame, FrameError, readAnswerFrame } from "../../shared/call-frames.ts";
import { limits } from "../../shared/limits.ts";
import type { OpenedSocket } from "./open-socket.ts";

/** The most calls on their way at once, and the most bytes of them, which are in memory until they are answered. */
const MAX_CALLS = 32;
const MAX_BYTES = limits.maxBodyBytes;
/** With more than this waiting for a turn, a call fails and is repeated later. */
const MAX_WAITING = 10_000;

/** Codes of a close, of RFC 6455. */
const closeCodes = { normal: 1000, goingAway: 1001, protocolError: 1002 } as const;

/** How a line ended. */
export interface LineEnd {
  /** The server said that it stops, or this side that it needs the line no more. */
  isPlanned: boolean;
  /** Since it was opened. */
  livedMs: number;
}

interface Pending {
  number: number;
  frame: string;
  sentAtMs: number;
  resolve(answer: LineAnswer): void;
  reject(error: unknown): void;
}

/**
 * The agent's end of one WebSocket: calls with their answers, in any order. When it ends, all its calls fail with
 * UnreachableError, and each is safe to repeat. A call that is not answered in its time, while nothing else arrived either,
 * shows that the connection is dead: heartbeats find that within 25 seconds.
 */
export class OpenLine {
  /** On their way, by number. */
  private readonly sent = new Map<number, Pending>();
  private sentBytes = 0;
  /** Wait for a turn, the oldest first. */
  private readonly waiting = new Set<Pending>();
  private lastNumber = 0;
  private receivedAtMs = performance.now();
  private readonly openedAtMs = performance.now();
  private isLeaving = false;
  private isOver = false;

  /** @param onEnd called once, when no call can go over it any more. */
  constructor(
    private readonly url: string,
    private readonly opened: OpenedSocket,
    private readonly onEnd: (end: LineEnd) => void,
  ) {
    const { socket } = opened;
    socket.addEventListener("message", ({ data }) => this.received(data));
    socket.addEventListener("close", ({ code, reason }) => this.closed(code, reason));
  }

  /** Whether it takes another call. */
  get isUsable(): boolean {
    return !this.isLeaving && !this.isOver;
  }

  /** Throws UnreachableError if the line is over, or too many calls wait. */
  call(endpoint: string, body: string, { signal, idempotencyKey }: LineCallOptions): Promise<LineAnswer> {
    signal.throwIfAborted();
    if (this.isOver) throw this.broken();
    if (this.waiting.size >= MAX_WAITING) throw this.broken("too many calls wait for their turn");
    const number = ++this.lastNumber;
    const frame = callFrame({
      number,
      endpoint,
      body,
      ...(idempotencyKey !== undefined && { idempotencyKey }),
    });
    return new Promise((resolve, reject) => {
      const abort = () => {
        this.withdraw(pending, signal.reason);
        reject(signal.reason);
      };
      const settle = () => signal.removeEventListener("abort", abort);
      const pending: Pending = {
        number,
        frame,
        sentAtMs: 0,
        resolve: (answer) => {
          settle();
          resolve(answer);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      };
      signal.addEventListener("abort", abort, { once: true });
      this.waiting.add(pending);
      this.sendWaiting();
    });
  }

  /** Closes the connection as soon as its calls are answered; it takes no more. */
  leave(): void {
    this.isLeaving = true;
    if (this.sent.size + this.waiting.size > 0 || this.isOver) return;
    this.opened.socket.close(closeCodes.normal);
    this.over(this.broken(), true);
  }

  /** Closes the connection now; its calls fail. */
  close(): void {
    this.isLeaving = true;
    this.opened.socket.close(closeCodes.normal);
    this.over(this.broken(), true);
  }

  private sendWaiting(): void {
    for (const pending of this.waiting) {
      const isFull = this.sent.size >= MAX_CALLS || this.sentBytes + pending.frame.length > MAX_BYTES;
      if (isFull && this.sent.size > 0) return;
      this.waiting.delete(pending);
      this.sent.set(pending.number, pending);
      this.sentBytes += pending.frame.length;
      pending.sentAtMs = performance.now();
      this.opened.socket.send(pending.frame);
    }
  }

  private received(data: unknown): void {
    this.receivedAtMs = performance.now();
    try {
      if (typeof data !== "string") throw new FrameError("a frame is a text");
      const { number, ...answer } = readAnswerFrame(data);
      if (number > this.lastNumber) throw new FrameError("there was no call of this number");
      const pending = this.sent.get(number);
      // Nobody waits for a call any more that was taken back.
      if (!pending) return;
      this.settled(pending);
      pending.resolve(answer);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.opened.socket.close(closeCodes.protocolError, error.message);
      this.over(this.broken(`it sent what is not a frame: ${error.message}`), false);
    }
  }

  private withdraw(pending: Pending, reason: unknown): void {
    if (this.waiting.delete(pending) || !this.sent.has(pending.number)) return;
    if (reason instanceof TimeLimitError && this.receivedAtMs < pending.sentAtMs) {
      this.sent.delete(pending.number);
      this.opened.socket.terminate();
      this.over(this.broken("nothing came over the connection any more"), false);
      return;
    }
    if (!this.isOver) this.opened.socket.send(cancelFrame(pending.number));
    this.settled(pending);
  }

  private settled({ number, frame }: Pending): void {
    this.sent.delete(number);
    this.sentBytes -= frame.length;
    this.sendWaiting();
    if (this.isLeaving) this.leave();
  }

  private closed(code: number, reason: string): void {
    const why = reason === "" ? "the connection was closed early" : `the connection was closed: ${reason}`;
    this.over(this.broken(why), code === closeCodes.goingAway);
  }

  private over(error: UnreachableError, isPlanned: boolean): void {
    if (this.isOver) return;
    this.isOver = true;
    const all = [...this.sent.values(), ...this.waiting];
    this.sent.clear();
    this.waiting.clear();
    for (const pending of all) pending.reject(error);
    this.opened.end(isPlanned && this.isLeaving);
    this.onEnd({ isPlanned, livedMs: performance.now() - this.openedAtMs });
  }

  private broken(why = "the connection was closed early"): UnreachableError {
    return new UnreachableError(this.url, why);
  }
}
