import type { Endpoint } from "../../shared/endpoints/endpoint.ts";
import { limits } from "../../shared/limits.ts";
import { untilAccessEnds } from "./access-watch.ts";
import type { Bodies, Body } from "./bodies.ts";
import { parseBody, refuseEncoding } from "./body.ts";
import type { ByteBodies, OutgoingBytes } from "./byte-bodies.ts";
import type { CallSockets, Upgrade } from "./call-sockets.ts";
import {
  type Call,
  type CarryOutParts,
  callAndWait,
  carryOut,
  type HandledRow,
  type Incoming,
  inputOf,
  ownerOf,
  waits,
} from "./carry-out.ts";
import type { Caller, RequestContext, StreamEvent } from "./handler.ts";
import type { OwnNames } from "./own-names.ts";
import { problemResponse } from "./problem.ts";
import { rateLimitHeaders } from "./rate-limit-headers.ts";
import { sseResponse } from "./sse.ts";

/** What Bun's server knows about a request besides the request itself. */
export interface PeerInfo {
  /** The peer's address, if it has one. */
  address: string | undefined;
  /** The names that this server accepts; absent to accept any name, as in tests. */
  names?: OwnNames;
  /** Makes a WebSocket of the request's connection; absent: this listener has none. */
  upgrade?: Upgrade;
}

/** What all requests share. */
export interface ServeParts extends CarryOutParts {
  bodies: Bodies;
  byteBodies: ByteBodies;
  sockets: CallSockets;
}

/** Handles one HTTP request from its headers to its answer. The body is read only after authentication. */
export async function serve(
  parts: ServeParts,
  row: HandledRow,
  request: Request,
  params: Record<string, string>,
  peer: PeerInfo,
): Promise<Response> {
  const { endpoint } = row;
  let isUnread = mayBeLong(request);
  const incoming: Incoming = {
    requestId: requestIdOf(request),
    headers: request.headers,
    signal: request.signal,
    from: peer.address,
    get origin() {
      return new URL(request.url).origin;
    },
    read: async (caller, schema) => {
      if (!takesJson(endpoint)) return { raw: queryOf(request, params), bytes: 0, [Symbol.dispose]: nothing };
      const body = await readBody(parts.bodies, request, caller);
      isUnread = false;
      return inputOf(body, body.bytes.byteLength, () => parseBody(body.bytes, request.headers, schema));
    },
  };
  try {
    return await carryOut(parts, row, incoming, (call, context) =>
      answer(parts, { row, request, incoming, peer }, call, context),
    );
  } catch (error) {
    const response = problemResponse(error, incoming.requestId);
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

function readBody(bodies: Bodies, request: Request, caller: Caller): Promise<Body> {
  refuseEncoding(request.headers);
  const owner = ownerOf(caller);
  const maxBytes = owner === undefined ? limits.maxAnonymousBodyBytes : limits.maxBodyBytes;
  return bodies.read(request, { owner, maxBytes });
}

function nothing(): void {
  // A query holds nothing.
}

/** Path fields win over query fields of the same name. */
function queryOf(request: Request, params: Record<string, string>): Record<string, string> {
  return { ...Object.fromEntries(new URL(request.url).searchParams), ...params };
}

interface Asked {
  row: HandledRow;
  request: Request;
  incoming: Incoming;
  peer: PeerInfo;
}

async function answer(
  parts: ServeParts,
  asked: Asked,
  call: Call,
  context: RequestContext,
): Promise<Response> {
  const { endpoint } = asked.row;
  if (endpoint.opensSocket && asked.request.headers.has("upgrade")) {
    return parts.sockets.answer(asked.request, asked.incoming, asked.peer.upgrade);
  }
  if (endpoint.takesBytes || endpoint.givesBytes !== undefined) {
    return serveBytes(parts, asked, call, context);
  }
  return waits(endpoint) ? serveWait(parts, asked, call, context) : serveNow(asked, call, context);
}

async function serveNow({ incoming }: Asked, call: Call, context: RequestContext): Promise<Response> {
  return jsonResponse(await call(context), incoming.requestId, headersFor(context.caller));
}

/** Handles a request with a body of bytes, or an answer of bytes. Both end when the server stops. */
async function serveBytes(
  parts: ServeParts,
  { row: { id, endpoint }, request, incoming: { requestId } }: Asked,
  call: Call,
  context: RequestContext,
): Promise<Response> {
  const signal = AbortSignal.any([context.signal, parts.stopping]);
  const owner = ownerOf(context.caller) ?? new URL(request.url).pathname;
  if (endpoint.takesBytes) {
    refuseEncoding(request.headers);
    const { maxBytes } = endpoint.takesBytes;
    const body = parts.byteBodies.incoming(request, { owner, maxBytes, signal });
    return jsonResponse(await call({ ...context, signal }, body), requestId);
  }
  const output = (await call({ ...context, signal })) as OutgoingBytes;
  const onError = (error: unknown) => {
    parts.log.error("an answer broke off", { endpoint: id, requestId, error });
  };
  const sendParts = { owner, signal, method: request.method, onError };
  const response = await parts.byteBodies.response(output, endpoint.givesBytes ?? "", sendParts);
  response.headers.set("x-request-id", requestId);
  return response;
}

/** Handles a request that may take long, or whose answer is a stream. */
async function serveWait(
  parts: ServeParts,
  { row: { id, endpoint }, incoming: { requestId } }: Asked,
  call: Call,
  context: RequestContext,
): Promise<Response> {
  const gone = new AbortController();
  const { output, access } = await callAndWait(parts, call, context, gone.signal);
  if (!endpoint.events) {
    access?.close();
    return jsonResponse(output, requestId);
  }
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

/** The client's own id if it sent a valid one, so that both logs can be matched. */
export function requestIdOf(request: Request): string {
  const given = request.headers.get("x-request-id");
  return given && /^[\w.-]{1,64}$/.test(given) ? given : Bun.randomUUIDv7();
}
