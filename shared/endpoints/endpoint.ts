import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import type { OthersRight, Right } from "../roles.ts";

/**
 * Who may call an endpoint: `anyone`; a `user` with `Authorization: Bearer <access token>` or `X-API-Key: <API key>`; a
 * `node` with `X-API-Key: <node key>`; or an `enrolment`, a machine with `X-API-Key: <enrolment token>`. If several are
 * listed, each is accepted.
 */
export type Caller = "anyone" | "user" | "node" | "enrolment";

/** A row of the endpoint table. Server, SDK, API page and tests are all derived from it. */
export interface Endpoint {
  method: "GET" | "POST" | "PUT";
  /** Relative to the server's URL; `{name}` is a field of the input. */
  path: string;
  /** Other paths of the same endpoint. */
  aliases?: readonly string[];
  callers: readonly Caller[];
  /** What a user's role must allow; every endpoint that users may call has it. */
  right?: Right;
  /** What the role must allow as well if the call changes something that belongs to somebody else. */
  othersRight?: OthersRight;
  /** One sentence for the reference. */
  summary: string;
  /** JSON body of a POST; path and query of a GET, or if the body is bytes (all strings there, so coerce). */
  input: z.ZodType;
  /** JSON body of the answer; for a stream, see `events`; for bytes, see `givesBytes`. */
  output: z.ZodType;
  /** Only if the body is bytes, not JSON. They are handed over as they arrive. */
  takesBytes?: BytesBody;
  /** Only if the answer is bytes, not JSON: their content type. */
  givesBytes?: string;
  /** Only for a stream of server-sent events: the schemas of their data by event name. */
  events?: Readonly<Record<string, z.ZodType>>;
  /** Errors in addition to those of every endpoint (`commonErrors`). */
  errors: readonly ErrorCode[];
  /** Whether a client may safely repeat the request after a lost answer. */
  repeatable: boolean;
  /** Accepts an `Idempotency-Key` header, which makes it repeatable. */
  idempotencyKey?: true;
  /** A node whose session has ended may still call it, so its running jobs can finish and report. */
  afterLogout?: true;
  /**
   * An agent whose key was replaced may still call it with that key, and gets the new one: to repeat its own rotation, with
   * the same `Idempotency-Key`, or when a person replaced the key while this run of the agent had the node.
   */
  afterRotation?: true;
  /** Any run of a node's agent may call it. Without this, a run gets `node_taken` once another run has the node. */
  anyRun?: true;
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

/** Errors any endpoint may answer with. */
export const commonErrors = [
  "invalid_json",
  "invalid_request",
  "unauthenticated",
  "token_expired",
  "session_ended",
  "forbidden",
  "payload_too_large",
  "request_timeout",
  "unsupported_media_type",
  "rate_limited",
  "internal",
  "unavailable",
] as const satisfies readonly ErrorCode[];

/** Keeps the literal types of a table of endpoints while checking its shape. */
export function defineEndpoints<const Table extends Record<string, Endpoint>>(table: Table): Table {
  return table;
}
