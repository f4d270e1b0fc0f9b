import type { z } from "zod";
import { answerFrame, type CallFrame, FrameError, readCallFrame } from "../../shared/call-frames.ts";
import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import { type Bodies, tooLarge } from "./bodies.ts";
import { parseText } from "./body.ts";
import {
  type CarryOutParts,
  callAndWait,
  carryOut,
  type HandledRow,
  type Incoming,
  inputOf,
  ownerOf,
  type ReadInput,
  waits,
} from "./carry-out.ts";
import type { Caller } from "./handler.ts";
import { knownError } from "./problem.ts";

/** The most calls of one socket that are carried out or held back. An agent makes fewer at once. */
const MAX_CALLS = 64;
/** While the peer has left more than this unread, its calls are held back. */
const UNREAD_BYTES = 1024 * 1024;

/** Codes of a close, of RFC 6455. */
const closeCodes = { goingAway: 1001, protocolError: 1002 } as const;

export interface CallSocketParts extends CarryOutParts {
  /** The endpoint table, by id. */
  rows: ReadonlyMap<string, HandledRow>;
  bodies: Bodies;
}

/** What the request for the upgrade said, and every call over the socket says. */
export type Opening = Pick<Incoming, "headers" | "from" | "origin">;

type Peer = Bun.ServerWebSocket<CallSocket>;

/**
 * The server's end of one WebSocket. Each call is authenticated, checked and carried out as one request of HTTP with the
 * headers of the upgrade would be. What is not a frame closes the socket; a call that is refused does not.
 */
export class CallSocket {
  private peer: Peer | undefined;
  /** The calls under way by their number; each ends when it is aborted. */
  private readonly calls = new Map<number, AbortController>();
  /** Calls that wait until the peer has read its answers. */
  private held: CallFrame[] = [];
  private lastNumber = 0;
  private isLeaving = false;

  /** @param open those that are open; it adds and removes itself. */
  constructor(
    private readonly parts: CallSocketParts,
    private readonly opening: Opening,
    private readonly open: Set<CallSocket>,
  ) {}

  opened(peer: Peer): void {
    this.peer = peer;
    this.open.add(this);
    if (this.parts.stopping.aborted) this.leave();
  }

  received(message: string | Buffer): void {
    try {
      if (typeof message !== "string") throw new FrameError("a frame is a text");
      const frame = readCallFrame(message);
      if (frame.type === "call") this.take(frame);
      else this.cancel(frame.number);
    } catch (error) {
      if (!(error instanceof FrameError)) throw error;
      this.close(closeCodes.protocolError, error.message);
    }
  }

  /** The peer has read what was sent. */
  drained(): void {
    const { held } = this;
    this.held = [];
    for (const frame of held) this.begin(frame);
  }

  /** The peer is gone, so nobody waits for its calls. */
  closed(): void {
    this.peer = undefined;
    this.open.delete(this);
    this.held = [];
    for (const call of this.calls.values()) call.abort();
  }

  /** The server stops: the socket is closed as soon as its calls are answered. */
  leave(): void {
    this.isLeaving = true;
    if (this.calls.size === 0) this.close(closeCodes.goingAway, "the server stops");
  }

  private take(frame: CallFrame): void {
    if (frame.number <= this.lastNumber) throw new FrameError("the number of a call must rise");
    this.lastNumber = frame.number;
    if (this.calls.size >= MAX_CALLS) {
      const detail = `More than ${MAX_CALLS} calls are under way on this WebSocket.`;
      this.refuse(frame.number, new ComputeError("rate_limited", detail, { retryAfterSeconds: 1 }));
      return;
    }
    this.calls.set(frame.number, new AbortController());
    if ((this.peer?.getBufferedAmount() ?? 0) > UNREAD_BYTES) this.held.push(frame);
    else this.begin(frame);
  }

  private cancel(number: number): void {
    if (number > this.lastNumber) throw new FrameError("there was no call of this number");
    this.calls.get(number)?.abort();
  }

  private begin(frame: CallFrame): void {
    const call = this.calls.get(frame.number);
    if (!call) return;
    void this.carryOut(frame, call.signal).finally(() => {
      this.calls.delete(frame.number);
      if (this.isLeaving) this.leave();
    });
  }

  private async carryOut(frame: CallFrame, signal: AbortSignal): Promise<void> {
    const { number } = frame;
    const incoming = new CallIncoming(frame, this.opening, signal, this.parts.bodies);
    try {
      const row = this.rowOf(frame.endpoint);
      const output = await carryOut(this.parts, row, incoming, async (call, context) => {
        if (!waits(row.endpoint)) return call(context);
        const { output, access } = await callAndWait(this.parts, call, context);
        access?.close();
        return output;
      });
      this.send(answerFrame({ number, status: 200, body: JSON.stringify(output) }));
    } catch (error) {
      this.refuse(number, error, incoming.requestId);
    }
  }

  /** Streams and bytes have requests of their own. */
  private rowOf(id: string): HandledRow {
    const row = this.parts.rows.get(id);
    const { events, takesBytes, givesBytes, opensSocket } = row?.endpoint ?? {};
    if (row && !events && !takesBytes && givesBytes === undefined && !opensSocket) return row;
    throw new ComputeError("not_found", `There is no ${JSON.stringify(id)} to call over a WebSocket.`);
  }

  private refuse(number: number, error: unknown, requestId = Bun.randomUUIDv7()): void {
    const known = knownError(error);
    const { status, retryAfterSeconds } = known;
    this.send(
      answerFrame({
        number,
        status,
        ...(retryAfterSeconds !== undefined && { retryAfterSeconds: Math.ceil(retryAfterSeconds) }),
        body: JSON.stringify(known.toProblem(requestId)),
      }),
    );
  }

  private send(frame: string): void {
    // 0: the peer left so much unread that the frame was dropped. It would wait for that answer.
    if (this.peer?.send(frame) === 0) this.peer?.terminate();
  }

  private close(code: number, reason: string): void {
    this.peer?.close(code, reason);
  }
}

/** A call as a request. */
class CallIncoming implements Incoming {
  readonly headers: Headers;
  readonly from: string | undefined;
  readonly origin: string;
  private id: string | undefined;

  constructor(
    private readonly frame: CallFrame,
    opening: Opening,
    readonly signal: AbortSignal,
    private readonly bodies: Bodies,
  ) {
    this.from = opening.from;
    this.origin = opening.origin;
    this.headers = withKey(opening.headers, frame.idempotencyKey);
  }

  /** Most calls need none, because nobody writes about them. */
  get requestId(): string {
    this.id ??= Bun.randomUUIDv7();
    return this.id;
  }

  read(caller: Caller, schema: z.ZodType | undefined): ReadInput {
    const { body } = this.frame;
    const bytes = body.length <= limits.maxBodyBytes / 3 ? body.length : Buffer.byteLength(body);
    if (bytes > limits.maxBodyBytes) throw tooLarge(limits.maxBodyBytes);
    const held = this.bodies.hold(ownerOf(caller), bytes);
    return inputOf(held, bytes, () => (body.trim() === "" ? {} : parseText(body, schema)));
  }
}

function withKey(headers: Headers, idempotencyKey: string | undefined): Headers {
  if (idempotencyKey === undefined) return headers;
  const all = new Headers(headers);
  all.set("idempotency-key", idempotencyKey);
  return all;
}
