import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";

/**
 * Who may call an endpoint: `anyone`; a `user` by `Authorization: Bearer <access token>`; a `node` by
 * `X-API-Key: <node key>`. Where both are named, either will do.
 */
export type Caller = "anyone" | "user" | "node";

/** One row of the endpoint table. Everything that speaks HTTP is derived from it. */
export interface Endpoint {
  method: "GET" | "POST";
  /** Below the server's URL; `{name}` stands for a field of the input. */
  path: string;
  /** Other paths that mean the same. */
  aliases?: readonly string[];
  callers: readonly Caller[];
  /** One sentence for the reference. */
  summary: string;
  /** JSON body of a POST; path and query of a GET (all texts there, so coerce). */
  input: z.ZodType;
  /** JSON body of the answer; for a stream, what each event's data is. */
  output: z.ZodType;
  /** Set where the answer is a stream of server-sent events: the schemas of their data by event name. */
  events?: Readonly<Record<string, z.ZodType>>;
  /** Errors of its own, beside those every endpoint may answer with (`commonErrors`). */
  errors: readonly ErrorCode[];
  /** Sending the same request again does no harm, so a client may do so after a lost answer. */
  repeatable: boolean;
  /** Takes an `Idempotency-Key` header, and with one is repeatable. */
  idempotencyKey?: true;
  /** A node whose session has ended may still call it, so that what runs can finish and report. */
  afterLogout?: true;
  /** Any run of a node's agent may call it; all else is refused with `node_taken` once another run has the node. */
  anyRun?: true;
  /** A wait ticket will do for the one job, or array, of its `jobId`, `jobIds` or `arrayId`. */
  waitTicket?: true;
  /** The most seconds the server may hold the request before it answers; absent: it answers at once. */
  maxWaitSeconds?: number;
}

/** What any endpoint may answer. */
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
