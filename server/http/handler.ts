import type { CallId, EndpointOutput, ParsedInput, StreamId } from "../../shared/endpoints/index.ts";
import type { NodeCondition } from "../../shared/node.ts";
import type { Access } from "../auth/tokens.ts";

/** The node a request speaks for. */
export interface NodeIdentity {
  nodeId: string;
  businessId: string;
  /** The session it was registered with is over: it may finish what it runs, and nothing else. */
  sessionEnded: boolean;
  /** What of it the request came with: for as long as both are the node's own, it may speak for it. */
  keyHash: string;
  runId: string | undefined;
  /** When it was last heard of before this request, epoch milliseconds, and what it said of itself then. */
  lastHeardAtMs: number;
  condition: NodeCondition;
}

/** Who calls, as the endpoint's `callers` allow; handlers need not check anything but what they read. */
export type Caller = { kind: "anyone" } | ({ kind: "user" } & Access) | ({ kind: "node" } & NodeIdentity);

export interface RequestContext {
  caller: Caller;
  /** Aborted when the client went away or the server stops. Long waits must end with it. */
  signal: AbortSignal;
  /** The `Idempotency-Key` header, where the endpoint takes one. */
  idempotencyKey: string | undefined;
  /** The `Last-Event-ID` header. */
  lastEventId: string | undefined;
  /** The address of whoever is connected: of a proxy, where there is one. */
  from: string | undefined;
}

export type Handler<Id extends CallId> = (
  input: ParsedInput<Id>,
  context: RequestContext,
) => Promise<EndpointOutput<Id>> | EndpointOutput<Id>;

/** One event of a stream; `id` becomes the SSE id. */
export interface StreamEvent {
  event: string;
  id?: string;
  data: unknown;
}

/** A stream ends when the iterable does. It is iterated only as fast as the client reads. Throw before the first event for a problem. */
export type StreamHandler<Id extends StreamId> = (
  input: ParsedInput<Id>,
  context: RequestContext,
) => Promise<AsyncIterable<StreamEvent[]>>;

/** A handler for every row of the endpoint table: a missing one is a type error. */
export type Handlers = { [Id in CallId]: Handler<Id> } & { [Id in StreamId]: StreamHandler<Id> };
