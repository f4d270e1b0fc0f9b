import type { z } from "zod";
import type { RecordAudit } from "../../shared/audit.ts";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import type { EndpointId } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { Logger } from "../../shared/logger.ts";
import type { AccessWatch, WatchedAccess } from "./access-watch.ts";
import { auditEventOf, isRecordedLater } from "./audit.ts";
import type { IncomingBytes } from "./byte-bodies.ts";
import { checkInput } from "./check-input.ts";
import { checkRight } from "./check-right.ts";
import { checkTicket } from "./check-ticket.ts";
import type { Caller, RequestContext } from "./handler.ts";
import { invalidRequest, isServerFault } from "./problem.ts";

/** What every request needs, whatever carries it. */
export interface CarryOutParts {
  authenticate(headers: Headers, endpoint: Endpoint): Promise<Caller>;
  /** Aborts when the server stops; every long wait ends with it. */
  stopping: AbortSignal;
  /** Ends a waiting request when its access ends. */
  access: AccessWatch;
  /** Writes into the audit log. */
  record: RecordAudit;
  /**
   * Called after a call that the audit log has an entry for.
   * @param facts what the entry is about: ids among other things.
   */
  onChanged(businessId: string, id: EndpointId, facts: Readonly<Record<string, unknown>>): void;
  log: Logger;
}

export type AnyHandler = (input: unknown, context: RequestContext, body?: IncomingBytes) => Promise<unknown>;

/** A row of the endpoint table, and its handler. */
export interface HandledRow {
  id: EndpointId;
  endpoint: Endpoint;
  handler: AnyHandler;
}

/** A request, whatever carried it here. */
export interface Incoming {
  readonly requestId: string;
  readonly headers: Headers;
  /** Aborts when nobody waits for the answer any more. */
  readonly signal: AbortSignal;
  /** The address of the connected peer, which may be a proxy. */
  readonly from: string | undefined;
  /** The URL that the client used for this server, without a path. */
  readonly origin: string;
  /**
   * Reads the input; called once, after authentication.
   * @param schema given if a text must be refused that JSON would silently change.
   */
  read(caller: Caller, schema: z.ZodType | undefined): Promise<ReadInput> | ReadInput;
}

/** An input in memory, until it is disposed of. */
export interface ReadInput extends Disposable {
  raw: unknown;
  /** The size of the body that it was read from; 0 without one. */
  bytes: number;
}

/** What `parse` makes of a body that is held in memory. If it throws, the body is let go at once. */
export function inputOf(held: Disposable, bytes: number, parse: () => unknown): ReadInput {
  const release = () => held[Symbol.dispose]();
  try {
    return { raw: parse(), bytes, [Symbol.dispose]: release };
  } catch (error) {
    release();
    throw error;
  }
}

/** Runs the handler with a checked input, and writes the audit log. */
export type Call = (context: RequestContext, body?: IncomingBytes) => Promise<unknown>;

/**
 * Takes a request from its headers to its output: authentication, the right of the role, the input, the handler, the audit
 * log. Throws ComputeError for a request that is refused, after `noteFailure`.
 * @param answer makes the answer with the call, which it makes once.
 */
export async function carryOut<Answer>(
  parts: CarryOutParts,
  row: HandledRow,
  incoming: Incoming,
  answer: (call: Call, context: RequestContext) => Promise<Answer>,
): Promise<Answer> {
  const { id, endpoint, handler } = row;
  try {
    const caller = await parts.authenticate(incoming.headers, endpoint);
    checkRight(caller, endpoint);
    const schema = endpoint.input as z.ZodType;
    // Agents send many bodies, all written by a program, so those skip the check for lossy JSON.
    const strictSchema = endpoint.callers.every((one) => one === "node") ? undefined : schema;
    using read = await incoming.read(caller, strictSchema);
    const input = await checkInput(schema, read.raw, read.bytes);
    if (!input.success) throw invalidRequest(input.error);
    checkTicket(caller, input.data);
    const call: Call = async (context, body) => {
      const output = await handler(input.data, context, body);
      const audited = auditEventOf(id, context, input.data, output);
      const recorded = audited && parts.record(audited.businessId, audited.event);
      if (audited?.businessId !== undefined) {
        parts.onChanged(audited.businessId, id, audited.event.of ?? {});
      }
      if (!isRecordedLater(id)) await recorded;
      return output;
    };
    return await answer(call, contextOf(caller, endpoint, incoming));
  } catch (error) {
    await noteFailure(parts, id, incoming, error);
    throw error;
  }
}

function contextOf(caller: Caller, endpoint: Endpoint, incoming: Incoming): RequestContext {
  const { headers, signal, from } = incoming;
  const context: RequestContext = {
    caller,
    signal,
    idempotencyKey: endpoint.idempotencyKey ? idempotencyKeyOf(headers) : undefined,
    lastEventId: headers.get("last-event-id") ?? undefined,
    from,
    // Few handlers need it.
    get origin() {
      return incoming.origin;
    },
    range: headers.get("range") ?? undefined,
    change: {},
    note: (change) => Object.assign(context.change, change),
  };
  return context;
}

async function noteFailure(
  parts: CarryOutParts,
  id: EndpointId,
  { requestId, from }: Incoming,
  error: unknown,
): Promise<void> {
  if (isServerFault(error) && !isStop(parts, error))
    parts.log.error("a request failed", { endpoint: id, requestId, error });
  if (id === "auth.refresh" && error instanceof ComputeError && error.status === 401) {
    await parts.record(undefined, {
      event: "sign-in refused",
      actor: { kind: "anyone" },
      from,
      of: { code: error.code },
    });
  }
}

/** Whether the server only ends a request because it stops itself. */
function isStop({ stopping }: CarryOutParts, error: unknown): boolean {
  return stopping.aborted && error instanceof ComputeError && error.code === "unavailable";
}

/** Whether a request may take long. */
export function waits(endpoint: Endpoint): boolean {
  return endpoint.events !== undefined || endpoint.maxWaitSeconds !== undefined;
}

/**
 * Makes a call that may take long. It ends when the server stops, the client leaves, its access ends, or `gone` fires. The
 * caller closes the access of an output that is a stream.
 */
export async function callAndWait(
  { access: watch, stopping }: CarryOutParts,
  call: Call,
  context: RequestContext,
  gone?: AbortSignal,
): Promise<{ output: unknown; access: WatchedAccess | undefined }> {
  const access = watch.watch(context.caller);
  const ends = [context.signal, stopping, ...(gone ? [gone] : []), ...(access ? [access.signal] : [])];
  try {
    const output = await call({ ...context, signal: AbortSignal.any(ends) });
    if (access?.signal.aborted) throw access.signal.reason;
    return { output, access };
  } catch (error) {
    access?.close();
    throw error;
  }
}

/** Who sent a request, for limits on what one caller may take; undefined for anyone. */
export function ownerOf(caller: Caller): string | undefined {
  if (caller.kind === "anyone") return undefined;
  if (caller.kind === "enrolment") return caller.enrolmentId;
  return caller.kind === "node" ? caller.nodeId : caller.userId;
}

const MAX_KEY_LENGTH = 255;

function idempotencyKeyOf(headers: Headers): string | undefined {
  const key = headers.get("idempotency-key") ?? undefined;
  if (key !== undefined && (key === "" || key.length > MAX_KEY_LENGTH)) {
    throw new ComputeError(
      "invalid_request",
      `Idempotency-Key must have 1 to ${MAX_KEY_LENGTH} characters.`,
      {
        errors: [{ path: "Idempotency-Key", message: `must have 1 to ${MAX_KEY_LENGTH} characters` }],
      },
    );
  }
  return key;
}
