import type { ErrorCode } from "../../errors.ts";

/**
 * Who may call an endpoint: `anyone`; a `user` with `Authorization: Bearer <access token>` or `X-API-Key: <API key>`; a
 * `node` with `X-API-Key: <node key>`; or an `enrolment`, a machine with `X-API-Key: <enrolment token>`. If several are
 * listed, each is accepted.
 */
export type Caller = "anyone" | "user" | "node" | "enrolment";

/** What a client must know of an endpoint to call it. Plain values: no schema is needed to send a request. */
export interface WireRow {
  method: "GET" | "POST" | "PUT";
  /** Relative to the server's URL; `{name}` is a field of the input. */
  path: string;
  /** Other paths of the same endpoint. */
  aliases?: readonly string[];
  callers: readonly Caller[];
  /** Only if the body is bytes, not JSON. They are handed over as they arrive. */
  takesBytes?: BytesBody;
  /** Only if the answer is bytes, not JSON: their content type. */
  givesBytes?: string;
  /** Only if the answer is a stream of server-sent events. */
  streams?: true;
  /** A request to upgrade the connection opens a WebSocket; see `call-frames.ts`. Any other request is answered as usual. */
  opensSocket?: true;
  /** Errors in addition to those of every endpoint (`commonErrors`). */
  errors: readonly ErrorCode[];
  /** Whether a client may safely repeat the request after a lost answer. */
  repeatable: boolean;
  /** Accepts an `Idempotency-Key` header, which makes it repeatable. */
  idempotencyKey?: true;
  /** Accepts a wait ticket for the job or array in `jobId`, `jobIds` or `arrayId`. */
  waitTicket?: true;
  /** The most seconds the server may hold the request; absent: it answers immediately. */
  maxWaitSeconds?: number;
}

/** A body of bytes. */
export interface BytesBody {
  /** The content type that clients send; the server accepts any. */
  type: string;
  /** A longer body is refused with `payload_too_large`. */
  maxBytes: number;
}

/** Keeps the literal types of a table of wire rows while checking its shape. */
export function defineWire<const Table extends Record<string, WireRow>>(table: Table): Table {
  return table;
}
