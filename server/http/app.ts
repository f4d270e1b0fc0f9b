import { Hono } from "hono";
import type { z } from "zod";
import type { RecordAudit } from "../../shared/audit.ts";
import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { type EndpointId, endpoints } from "../../shared/endpoints/index.ts";
import { ComputeError } from "../../shared/errors.ts";
import { limits } from "../../shared/limits.ts";
import type { Logger } from "../../shared/logger.ts";
import { type AccessWatch, untilAccessEnds } from "./access-watch.ts";
import { auditEventOf, isRecordedLater } from "./audit.ts";
import { Bodies } from "./bodies.ts";
import { parseBody, refuseEncoding } from "./body.ts";
import { ByteBodies, type IncomingBytes, type OutgoingBytes } from "./byte-bodies.ts";
import { checkInput } from "./check-input.ts";
import { checkRight } from "./check-right.ts";
import { checkTicket } from "./check-ticket.ts";
import type { Caller, Handlers, RequestContext, StreamEvent } from "./handler.ts";
import type { OwnNames } from "./own-names.ts";
import { invalidRequest, isServerFault, problemResponse } from "./problem.ts";
import { rateLimitHeaders } from "./rate-limit-headers.ts";
import { allowOrigins, securityHeaders } from "./security-headers.ts";
import { sseResponse } from "./sse.ts";

export interface AppParts {
  handlers: Handlers;
  authenticate(headers: Headers, endpoint: Endpoint): Promise<Caller>;
  /** Whether the store answers; `/readyz` reports it. */
  isReady(): Promise<boolean>;
  /** Aborts when the server stops; every long wait ends with it. */
  stopping: AbortSignal;
  /** Ends a waiting request when its access ends. */
  access: AccessWatch;
  /** Routes that are not rows of the endpoint table: the pages, and what OAuth's own standards describe. */
  mounts?: readonly Mount[];
  /** Whether a page for people is at this path. Links on other sites may lead there; absent: there are no pages. */
  isPage?(path: string): boolean;
  /** Writes into the audit log. */
  record: RecordAudit;
  /**
   * Called after a call that the audit log has an entry for.
   * @param facts what the entry is about: ids among other things.
   */
  onChanged(businessId: string, id: EndpointId, facts: Readonly<Record<string, unknown>>): void;
  log: Logger;
}

/** Adds routes to the app. Requests reach them after the check of the server's names. */
export type Mount = (app: App) => void;

/** What Bun's server knows about a request besides the request itself. */
export interface PeerInfo {
  /** The peer's address, if it has one. */
  address: string | undefined;
  /** The names that this server accepts; absent to accept any name, as in tests. */
  names?: OwnNames;
}

export type App = Hono<{ Bindings: PeerInfo }>;
type AnyHandler = (input: unknown, context: RequestContext, body?: IncomingBytes) => Promise<unknown>;

/** The whole API: every row of the endpoint table, and the health checks. */
export function createApp(parts: AppParts): App {
  const app: App = new Hono();
  const bodies = new Bodies();
  const byteBodies = new ByteBodies();
  const isPage = (path: string) => parts.isPage?.(path) === true;
  app.use(securityHeaders());
  app.get("/healthz", (c) => c.json({ status: "ok" }));
  app.get("/readyz", async (c) => {
    const ready = !parts.stopping.aborted && (await parts.isReady().catch(() => false));
    return c.json({ status: ready ? "ready" : "not ready" }, ready ? 200 : 503);
  });
  // Health probes use any name, and learn nothing. Everything below checks the name first.
  app.use(async (c, next) => {
    c.env?.names?.check(c.req.raw.headers, c.req.method === "GET" && isPage(c.req.path));
    await next();
  });
  allowOrigins(app, isPage);
  for (const mount of parts.mounts ?? []) mount(app);
  const methodsByPath = new Map<string, string[]>();
  for (const [id, endpoint] of Object.entries(endpoints) as [EndpointId, Endpoint][]) {
    const handler = parts.handlers[id] as unknown as AnyHandler;
    for (const path of [endpoint.path, ...(endpoint.aliases ?? [])]) {
      const pattern = path.replaceAll(/\{(\w+)\}/g, ":$1");
      methodsByPath.set(pattern, [...(methodsByPath.get(pattern) ?? []), endpoint.method]);
      app.on(endpoint.method, pattern, async (c) => {
        const params = c.req.param() as Record<string, string>;
        const incoming = { request: c.req.raw, params, peer: c.env, bodies, byteBodies };
        const response = await serve(parts, id, endpoint, handler, incoming);
        // The next request must connect again, and so find out who listens here then.
        if (parts.stopping.aborted) response.headers.set("connection", "close");
        return response;
      });
    }
  }
  for (const [path, methods] of methodsByPath) {
    app.all(path, (c) => {
      const detail = `${c.req.method} is not supported here; use ${methods.join(" or ")}.`;
      const response = problemResponse(
        new ComputeError("method_not_allowed", detail),
        requestIdOf(c.req.raw),
      );
      response.headers.set("allow", methods.join(", "));
      return response;
    });
  }
  app.notFound((c) =>
    problemResponse(new ComputeError("not_found", nothingAt(c.req.path)), requestIdOf(c.req.raw)),
  );
  app.onError((error, c) => {
    if (isServerFault(error)) parts.log.error("a request failed outside its handler", { error });
    return problemResponse(error, requestIdOf(c.req.raw));
  });
  return app;
}

/** Where releases before the sign-in over a socket sent their requests. */
const FORMER_SIGN_IN = "/api/compute/auth/local/";

function nothingAt(path: string): string {
  return path.startsWith(FORMER_SIGN_IN)
    ? "This tanvrit-compute is older than the server and signs in in a way that no longer works. Use the server's version."
    : `There is nothing at ${path}. The API is below /api/compute/; tanvrit-compute api describes it.`;
}

interface Incoming {
  request: Request;
  params: Record<string, string>;
  peer: PeerInfo;
  bodies: Bodies;
  byteBodies: ByteBodies;
}

/** Handles one request from its headers to its answer. The body is read only after authentication. */
async function serve(
  parts: AppParts,
  id: EndpointId,
  endpoint: Endpoint,
  handler: AnyHandler,
  incoming: Incoming,
): Promise<Response> {
  const { request, params, peer, bodies } = incoming;
  const requestId = requestIdOf(request);
  let isUnread = mayBeLong(request);
  try {
    const caller = await parts.authenticate(request.headers, endpoint);
    checkRight(caller, endpoint);
    const schema = endpoint.input as z.ZodType;
    // Agents send many bodies, all written by a program, so those skip the check for lossy JSON.
    const strictSchema = endpoint.callers.every((one) => one === "node") ? undefined : schema;
    using body = takesJson(endpoint) ? await readBody(bodies, request, caller) : undefined;
    isUnread &&= endpoint.takesBytes !== undefined;
    const raw = body ? parseBody(body.bytes, request.headers, strictSchema) : queryOf(request, params);
    const input = await checkInput(schema, raw, body?.bytes.byteLength ?? 0);
    if (!input.success) throw invalidRequest(input.error);
    checkTicket(caller, input.data);
    const context: RequestContext = {
      caller,
      signal: request.signal,
      idempotencyKey: endpoint.idempotencyKey ? idempotencyKeyOf(request) : undefined,
      lastEventId: request.headers.get("last-event-id") ?? undefined,
      from: peer.address,
      origin: new URL(request.url).origin,
      range: request.headers.get("range") ?? undefined,
      change: {},
      note: (change) => Object.assign(context.change, change),
    };
    const call = async (context: RequestContext, body?: IncomingBytes) => {
      const output = await handler(input.data, context, body);
      const audited = auditEventOf(id, context, input.data, output);
      const recorded = audited && parts.record(audited.businessId, audited.event);
      if (audited?.businessId !== undefined) {
        parts.onChanged(audited.businessId, id, audited.event.of ?? {});
      }
      if (!isRecordedLater(id)) await recorded;
      return output;
    };
    if (endpoint.takesBytes || endpoint.givesBytes !== undefined) {
      return await serveBytes(parts, { id, endpoint, requestId }, call, context, incoming);
    }
    if (waits(endpoint)) {
      return await serveWait(parts, { id, endpoint, requestId }, call, context);
    }
    return jsonResponse(await call(context), requestId, headersFor(caller));
  } catch (error) {
    if (isServerFault(error) && !isStop(parts, error))
      parts.log.error("a request failed", { endpoint: id, requestId, error });
    if (id === "auth.refresh" && error instanceof ComputeError && error.status === 401) {
      await parts.record(undefined, {
        event: "sign-in refused",
        actor: { kind: "anyone" },
        from: peer.address,
        of: { code: error.code },
      });
    }
    const response = problemResponse(error, requestId);
    // The client may still be sending a body that nobody reads, so the connection cannot be used again.
    if (isUnread) response.headers.set("connection", "close");
    return response;
  }
}

const SHORT_BYTES = 64 * 1024;

function mayBeLong({ headers }: Request): boolean {
  return headers.has("transfer-encoding") || Number(headers.get("content-length") ?? 0) > SHORT_BYTES;
}

function takesJson({ method, takesBytes }: Endpoint): boolean {
  return method !== "GET" && takesBytes === undefined;
}

/** Handles a request with a body of bytes, or an answer of bytes. Both end when the server stops. */
async function serveBytes(
  parts: AppParts,
  { id, endpoint, requestId }: { id: string; endpoint: Endpoint; requestId: string },
  call: (context: RequestContext, body?: IncomingBytes) => Promise<unknown>,
  context: RequestContext,
  { request, byteBodies }: Incoming,
): Promise<Response> {
  const signal = AbortSignal.any([context.signal, parts.stopping]);
  const owner = ownerOf(context.caller) ?? new URL(request.url).pathname;
  if (endpoint.takesBytes) {
    refuseEncoding(request.headers);
    const { maxBytes } = endpoint.takesBytes;
    const body = byteBodies.incoming(request, { owner, maxBytes, signal });
    return jsonResponse(await call({ ...context, signal }, body), requestId);
  }
  const output = (await call({ ...context, signal })) as OutgoingBytes;
  const onError = (error: unknown) => {
    parts.log.error("an answer broke off", { endpoint: id, requestId, error });
  };
  const sendParts = { owner, signal, method: request.method, onError };
  const response = await byteBodies.response(output, endpoint.givesBytes ?? "", sendParts);
  response.headers.set("x-request-id", requestId);
  return response;
}

/** Whether the server only ends a request because it stops itself. */
function isStop({ stopping }: AppParts, error: unknown): boolean {
  return stopping.aborted && error instanceof ComputeError && error.code === "unavailable";
}

function ownerOf(caller: Caller): string | undefined {
  if (caller.kind === "anyone") return undefined;
  if (caller.kind === "enrolment") return caller.enrolmentId;
  return caller.kind === "node" ? caller.nodeId : caller.userId;
}

function readBody(bodies: Bodies, request: Request, caller: Caller) {
  refuseEncoding(request.headers);
  const owner = ownerOf(caller);
  const maxBytes = owner === undefined ? limits.maxAnonymousBodyBytes : limits.maxBodyBytes;
  return bodies.read(request, { owner, maxBytes });
}

/** Handles a request that may take long. It ends when the server stops, the client leaves, or its access ends. */
async function serveWait(
  parts: AppParts,
  { id, endpoint, requestId }: { id: string; endpoint: Endpoint; requestId: string },
  call: (context: RequestContext) => Promise<unknown>,
  context: RequestContext,
): Promise<Response> {
  const access = parts.access.watch(context.caller);
  const gone = new AbortController();
  const ends = [context.signal, parts.stopping, gone.signal, ...(access ? [access.signal] : [])];
  let isStream = false;
  try {
    const output = await call({ ...context, signal: AbortSignal.any(ends) });
    if (access?.signal.aborted) throw access.signal.reason;
    if (!endpoint.events) return jsonResponse(output, requestId);
    isStream = true;
    const onGone = () => {
      gone.abort();
      access?.close();
    };
    const onError = (error: unknown) => {
      // The client will go on at another server, or later.
      if (parts.stopping.aborted) return;
      parts.log.error("a stream broke off", { endpoint: id, requestId, error });
    };
    const events = untilAccessEnds(output as AsyncIterable<StreamEvent[]>, access);
    return sseResponse(events, { onGone, onError }, requestId);
  } finally {
    if (!isStream) access?.close();
  }
}

function jsonResponse(output: unknown, requestId: string, more: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(output), {
    headers: {
      "content-type": "application/json",
      "x-request-id": requestId,
      "cache-control": "no-store",
      ...more,
    },
  });
}

/** How much is left of the limits of an API key that has just made jobs. */
function headersFor(caller: Caller): Record<string, string> {
  return caller.kind === "user" ? rateLimitHeaders(caller.apiKey?.left ?? []) : {};
}

function waits(endpoint: Endpoint): boolean {
  return endpoint.events !== undefined || endpoint.maxWaitSeconds !== undefined;
}

/** Path fields win over query fields of the same name. */
function queryOf(request: Request, params: Record<string, string>): Record<string, string> {
  return { ...Object.fromEntries(new URL(request.url).searchParams), ...params };
}

const MAX_KEY_LENGTH = 255;

function idempotencyKeyOf(request: Request): string | undefined {
  const key = request.headers.get("idempotency-key") ?? undefined;
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

/** The client's own id if it sent a valid one, so that both logs can be matched. */
function requestIdOf(request: Request): string {
  const given = request.headers.get("x-request-id");
  return given && /^[\w.-]{1,64}$/.test(given) ? given : Bun.randomUUIDv7();
}
