import type { z } from "zod";
import type { ErrorCode } from "../errors.ts";
import type { OthersRight, Right } from "../roles.ts";
import type { WireRow } from "./wire/wire-row.ts";

/** What a server knows of an endpoint besides its wire row. */
export interface ServerRow {
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
  /** Only for a stream of server-sent events: the schemas of their data by event name. */
  events?: Readonly<Record<string, z.ZodType>>;
  /** A node whose session has ended may still call it, so its running jobs can finish and report. */
  afterLogout?: true;
  /**
   * An agent whose key was replaced may still call it with that key, and gets the new one: to repeat its own rotation, with
   * the same `Idempotency-Key`, or when a person replaced the key while this run of the agent had the node.
   */
  afterRotation?: true;
  /** Any run of a node's agent may call it. Without this, a run gets `node_taken` once another run has the node. */
  anyRun?: true;
}

/** A row of the endpoint table. Server, SDK, API page and tests are all derived from it. */
export interface Endpoint extends WireRow, ServerRow {}

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

/** The server's row of an endpoint: one that streams has events, and no other. */
type RowOf<Row> = Row extends { streams: true }
  ? ServerRow & Required<Pick<ServerRow, "events">>
  : ServerRow & { events?: never };

/** Joins a table of wire rows with the server's rows of the same endpoints. Keeps the literal types of both. */
export function defineEndpoints<
  const Wire extends Record<string, WireRow>,
  const Rows extends { [Id in keyof Wire]: RowOf<Wire[Id]> },
>(
  wire: Wire,
  rows: Rows & Record<Exclude<keyof Rows, keyof Wire>, never>,
): { [Id in keyof Wire]: Wire[Id] & Rows[Id] } {
  const joined = Object.entries(wire).map(([id, row]) => [
    id,
    { ...row, ...(rows as Record<string, object>)[id] },
  ]);
  return Object.fromEntries(joined);
}
