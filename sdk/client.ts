import ky, { type Options } from "ky";
import type { z } from "zod";
import {
  type CallId,
  type EndpointId,
  type EndpointInput,
  type EndpointOutput,
  type Endpoints,
  endpoints,
  type StreamId,
} from "../shared/endpoints/index.ts";
import type { ComputeError, Problem } from "../shared/errors.ts";
import { errorOfProblem, UnreachableError } from "./errors.ts";
import type { EndRequest, ServerProof } from "./server-proof.ts";
import { SseParser } from "./sse.ts";
import { TimeLimit, TimeLimitError } from "./time-limit.ts";

/** What a client signs its requests with. */
export interface Credentials {
  headers(request?: SentRequest): Promise<Record<string, string>> | Record<string, string>;
  /** Called once after a 401 token_expired or unauthenticated; true: `headers()` is better now, try once more. */
  renew?(why: ComputeError): Promise<boolean>;
  /** Called before a wait for these jobs, which may outlive what `headers()` gives now. */
  prepareToWait?(jobIds: readonly string[], source: TicketSource): Promise<void>;
}

/** What is to be signed: the endpoint, and the job or array that it is about. */
export interface SentRequest {
  id: EndpointId;
  jobId: string | undefined;
}

export type WaitTicket = EndpointOutput<"jobs.wait-tickets">["tickets"][number];

/** Asks the server for tickets, signed with these headers. */
export type TicketSource = (
  jobIds: readonly string[],
  headers: Record<string, string>,
) => Promise<WaitTicket[]>;

export interface CallOptions {
  signal?: AbortSignal;
  /** The whole call; the default is 15 s and what the endpoint itself may wait. */
  timeoutMs?: number;
  /** For endpoints that take one: a repeated call with the same key is carried out once. */
  idempotencyKey?: string;
}

export interface StreamOptions {
  signal?: AbortSignal;
  lastEventId?: string;
  /** Called when the server has begun to answer. */
  onOpen?: () => void;
}

/** One event of a stream: its name, and what data comes with that name. */
export type StreamEventOf<Id extends StreamId> = EventOf<Endpoints[Id]["events"]>;
type EventOf<Events> = {
  [Name in keyof Events & string]: { event: Name; id?: string; data: DataOf<Events[Name]> };
}[keyof Events & string];
type DataOf<Schema> = Schema extends z.ZodType ? z.output<Schema> : never;

const CALL_LIMIT_MS = 15_000;
/** A stream says something at least this often, if only a comment; else its connection is dead. */
const STREAM_SILENCE_MS = 60_000;

/**
 * Speaks to a server by the endpoint table. Every call is one attempt (two where `Credentials.renew` says so); what
 * may be retried is decided by who calls. Throws ComputeError for an answer that is a problem, UnreachableError where
 * there was no answer, and the signal's reason when aborted. Answers are trusted to be what the table says.
 */
export class ComputeClient {
  /** Without a slash at the end. */
  readonly url: string;
  private readonly credentials: Credentials | undefined;
  private readonly proof: ServerProof | undefined;

  /** @param options.proof asked before every request; clients of the same server share one. */
  constructor(options: { url: string; credentials?: Credentials; proof?: ServerProof }) {
    this.url = options.url.replace(/\/+$/, "");
    this.credentials = options.credentials;
    this.proof = options.proof;
  }

  async call<Id extends CallId>(
    id: Id,
    input: EndpointInput<Id>,
    options: CallOptions = {},
  ): Promise<EndpointOutput<Id>> {
    const { maxWaitSeconds = 0 } = endpoints[id] as { maxWaitSeconds?: number };
    const limit = new TimeLimit(options.timeoutMs ?? CALL_LIMIT_MS + maxWaitSeconds * 1_000, options.signal);
    let end: EndRequest | undefined;
    let isStillThere = false;
    try {
      end = await this.begin(id, limit.signal);
      const extra: Record<string, string> = {};
      if (options.idempotencyKey) extra["idempotency-key"] = options.idempotencyKey;
      const response = await this.send(id, input, extra, limit.signal);
      const text = await this.reading(limit.signal, () => response.text());
      const output = this.parse(response, text) as EndpointOutput<Id>;
      isStillThere = !closes(response);
      return output;
    } finally {
      end?.(isStillThere);
      limit.clear();
    }
  }

  /** Whether a wait may outlive what this client signs with; see `prepareToWait`. */
  get mustPrepareToWait(): boolean {
    return this.credentials?.prepareToWait !== undefined;
  }

  /** To be called before a wait for these jobs, so that it may outlive the token that it begins with. */
  async prepareToWait(jobIds: readonly string[]): Promise<void> {
    await this.credentials?.prepareToWait?.(jobIds, async (jobIds, headers) => {
      const { url, proof } = this;
      const client = new ComputeClient({ url, proof, credentials: { headers: () => headers } });
      return (await client.call("jobs.wait-tickets", { jobIds: [...jobIds] })).tickets;
    });
  }

  /** One connection: it ends when the server ends it, and throws when it breaks. */
  async *stream<Id extends StreamId>(
    id: Id,
    input: EndpointInput<Id>,
    options: StreamOptions = {},
  ): AsyncGenerator<StreamEventOf<Id>, void, void> {
    const limit = new TimeLimit(STREAM_SILENCE_MS, options.signal);
    const extra: Record<string, string> = { accept: "text/event-stream" };
    if (options.lastEventId) extra["last-event-id"] = options.lastEventId;
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    let end: EndRequest | undefined;
    try {
      end = await this.begin(id, limit.signal);
      const response = await this.send(id, input, extra, limit.signal);
      this.expectType(response, "text/event-stream");
      options.onOpen?.();
      reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
      const parser = new SseParser();
      while (reader) {
        const source = reader;
        limit.renew();
        const chunk = await this.reading(limit.signal, () => source.read());
        // However long the caller takes for these events, the silence is not the server's.
        limit.pause();
        if (chunk.done) return;
        for (const event of await this.reading(limit.signal, () => parser.push(chunk.value))) {
          yield { ...event, data: this.json(event.data) } as StreamEventOf<Id>;
        }
      }
    } finally {
      // A stream that ends may do so because its server does.
      end?.(false);
      limit.clear();
      // The reader of a broken connection refuses to be cancelled; there is nothing left to free then.
      await reader?.cancel().catch(() => undefined);
    }
  }

  /** Which server it is must be known before anything else is sent. Returns what to call at the end of the request. */
  private async begin(id: EndpointId, signal: AbortSignal): Promise<EndRequest | undefined> {
    if (!this.proof || id === "server.identity") return undefined;
    // Others may wait for the same answer: it is not given up with this one of them.
    const begun = this.proof.begin((input) =>
      new ComputeClient({ url: this.url }).call("server.identity", input),
    );
    const aborted = Promise.withResolvers<never>();
    const abort = () => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    try {
      signal.throwIfAborted();
      return await Promise.race([begun, aborted.promise]);
    } catch (error) {
      begun.then((end) => end(false)).catch(() => undefined); // It is told to whoever waits for it.
      throw error instanceof TimeLimitError ? new UnreachableError(this.url, error.message) : error;
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }

  private async send<Id extends EndpointId>(
    id: Id,
    input: EndpointInput<Id>,
    extra: Record<string, string>,
    signal: AbortSignal,
  ): Promise<Response> {
    const request = requestOf(id, input as Record<string, unknown>);
    for (let attempt = 1; ; attempt++) {
      const { jobId, arrayId = jobId } = input as { jobId?: string; arrayId?: string };
      const headers = { ...(await this.credentials?.headers({ id, jobId: arrayId })), ...extra };
      const response = await this.reading(signal, () =>
        ky(this.url + request.path, { ...request.options, ...plainOptions, headers, signal }),
      );
      if (response.ok) return response;
      if (response.status >= 300 && response.status < 400) throw this.redirected(response);
      const error = await this.problem(response, signal);
      const mayRenew = error.code === "token_expired" || error.code === "unauthenticated";
      if (attempt > 1 || !mayRenew || !(await this.credentials?.renew?.(error))) throw error;
    }
  }

  /** Runs one step of talking to the server and says of any failure what it means. */
  private async reading<T>(signal: AbortSignal, step: () => T | Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (signal.aborted && !(signal.reason instanceof TimeLimitError)) throw signal.reason;
      const cause = signal.aborted ? (signal.reason as Error) : error;
      throw new UnreachableError(this.url, whyUnreachable(cause), { cause });
    }
  }

  private async problem(response: Response, signal: AbortSignal): Promise<ComputeError> {
    const text = await this.reading(signal, () => response.text());
    this.expectType(response, "application/problem+json");
    const problem = this.json(text) as Problem;
    if (typeof problem?.code !== "string") throw this.notOurs(response, "its problem has no code");
    const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
    return errorOfProblem(
      { ...problem, status: response.status },
      Number.isFinite(retryAfter) ? retryAfter : undefined,
    );
  }

  private parse(response: Response, text: string): unknown {
    this.expectType(response, "application/json");
    return this.json(text);
  }

  private expectType(response: Response, type: string): void {
    const got = response.headers.get("content-type") ?? "";
    if (got.split(";")[0]?.trim().toLowerCase() === type) return;
    throw this.notOurs(response, `it sent ${got === "" ? "no content type" : got} in place of ${type}`);
  }

  private json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new UnreachableError(this.url, "what it sent is not JSON", { cause, todo: CHECK_URL });
    }
  }

  private redirected(response: Response): UnreachableError {
    const target = response.headers.get("location") ?? "";
    const place = URL.canParse(target, this.url) ? new URL(target, this.url).origin : "another place";
    return new UnreachableError(
      this.url,
      `it sends its callers on to ${place} (HTTP ${response.status}), and nothing was sent there`,
      { todo: `If that is your server, use ${place} as its URL` },
    );
  }

  private notOurs(response: Response, why: string): UnreachableError {
    return new UnreachableError(
      this.url,
      `what answers there (HTTP ${response.status}) is no Tanvrit Compute server, ${why}`,
      // A proxy answers for itself with a 5xx while the server behind it restarts.
      { todo: CHECK_URL, temporary: response.status >= 500 },
    );
  }
}

/** The server ends with this answer, or at least the connection does. */
function closes(response: Response): boolean {
  return response.headers.get("connection")?.toLowerCase() === "close";
}

const CHECK_URL = "Check the URL, and proxies on the way";

const plainOptions = {
  retry: 0,
  timeout: false,
  throwHttpErrors: false,
  // A token or key that is sent on is in somebody else's hands.
  redirect: "manual",
  // Bun's own limit of five minutes would cut a quiet stream; every request here has a limit of its own.
  fetch: (input, init) => fetch(input, { ...init, timeout: false } as RequestInit),
} satisfies Options;

/** Path, method and body by the endpoint's row: `{name}` is filled in, the rest goes to the query or the body. */
function requestOf(id: EndpointId, input: Record<string, unknown>): { path: string; options: Options } {
  const { method, path } = endpoints[id];
  if (method === "POST") return { path, options: { method, json: input } };
  const rest = new URLSearchParams();
  const names = new Set<string>();
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    names.add(name);
    return encodeURIComponent(String(input[name]));
  });
  for (const [name, value] of Object.entries(input)) {
    if (value !== undefined && !names.has(name)) rest.set(name, String(value));
  }
  return { path: rest.size > 0 ? `${filled}?${rest}` : filled, options: { method } };
}

function whyUnreachable(error: unknown): string {
  // ky wraps what the network said; the inner error is the one with something to say.
  const inner = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (inner as { code?: unknown })?.code;
  if (code === "ConnectionRefused" || code === "ECONNREFUSED") return "the connection was refused";
  if (code === "ECONNRESET" || code === "ConnectionClosed") return "the connection was closed early";
  if (code === "EPROTO")
    return "it does not speak TLS there, or not as we do; see whether its URL begins with http://";
  const message = inner instanceof Error ? inner.message : String(inner);
  return message.trim();
}
