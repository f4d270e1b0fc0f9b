import type {
  CallId,
  EndpointOutput,
  ParsedInput,
  ReceiveId,
  SendId,
  StreamId,
} from "../../shared/endpoints/index.ts";
import type { NodeCondition } from "../../shared/node.ts";
import type { KeyUse } from "../auth/key-limits.ts";
import type { Access } from "../auth/tokens.ts";
import type { IncomingBytes, OutgoingBytes } from "./byte-bodies.ts";

/** The node that sent a request. */
export interface NodeIdentity {
  nodeId: string;
  businessId: string;
  /** The session it was registered with has ended: it may finish what it runs, and nothing else. */
  sessionEnded: boolean;
  /** The key and run of the request. It may speak for the node as long as both are the node's current ones. */
  keyHash: string;
  runId: string | undefined;
  /** When the node last reported before this request, in epoch milliseconds, and the condition it reported then. */
  lastHeardAtMs: number;
  condition: NodeCondition;
}

/** A person, or a program with an API key of theirs. */
export type User = { kind: "user"; apiKey?: KeyUse } & Access;

/** A machine that shows an enrolment token: it may register one node. */
export interface EnrolmentIdentity {
  enrolmentId: string;
  businessId: string;
  /** The person who made the token, to whom the node will belong. */
  userId: string;
}

/** The caller, already checked against the endpoint's `callers`; handlers only pick the fields that they need. */
export type Caller =
  | { kind: "anyone" }
  | User
  | ({ kind: "node" } & NodeIdentity)
  | ({ kind: "enrolment" } & EnrolmentIdentity);

export interface RequestContext {
  caller: Caller;
  /** Aborts when the client disconnects or the server stops. Long waits must end with it. */
  signal: AbortSignal;
  /** The `Idempotency-Key` header, if the endpoint accepts it. */
  idempotencyKey: string | undefined;
  /** The `Last-Event-ID` header. */
  lastEventId: string | undefined;
  /** The address of the connected peer, which may be a proxy. */
  from: string | undefined;
  /** The URL that the client used for this server, without a path. */
  origin: string;
  /** The `Range` header. */
  range: string | undefined;
  /** Adds facts to the call's entry in the audit log: what it was about, and what changed. Never a secret. */
  note(change: NotedChange): void;
  /** What was noted so far. */
  change: NotedChange;
}

/** What a handler knows about its change and the audit log should say. */
export interface NotedChange {
  of?: Record<string, unknown>;
  before?: Record<string, unknown>;
  after?: Record<string, unknown>;
  /** The business that it belongs to, if the caller has none. */
  businessId?: string;
}

export type Handler<Id extends CallId> = (
  input: ParsedInput<Id>,
  context: RequestContext,
) => Promise<EndpointOutput<Id>> | EndpointOutput<Id>;

/** Data that is JSON already, and is passed on as it is. */
export class JsonText {
  constructor(readonly text: string) {}
}

/** One event of a stream; `id` becomes the SSE id. */
export interface StreamEvent {
  event: string;
  id?: string;
  data: unknown;
}

/**
 * A stream ends when its iterable does, and is iterated only as fast as the client reads. To answer with a problem, throw
 * before the first event.
 */
export type StreamHandler<Id extends StreamId> = (
  input: ParsedInput<Id>,
  context: RequestContext,
) => Promise<AsyncIterable<StreamEvent[]>>;

/** Takes the bytes of the body. Those that it leaves unread are dropped, and the connection is closed. */
export type SendHandler<Id extends SendId> = (
  input: ParsedInput<Id>,
  context: RequestContext,
  body: IncomingBytes,
) => Promise<EndpointOutput<Id>>;

/** To answer with a problem, throw before the first byte. */
export type ReceiveHandler<Id extends ReceiveId> = (
  input: ParsedInput<Id>,
  context: RequestContext,
) => Promise<OutgoingBytes>;

/** A handler for every row of the endpoint table: a missing one is a type error. */
export type Handlers = { [Id in CallId]: Handler<Id> } & { [Id in StreamId]: StreamHandler<Id> } & {
  [Id in SendId]: SendHandler<Id>;
} & { [Id in ReceiveId]: ReceiveHandler<Id> };
