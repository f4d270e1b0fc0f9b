import type { z } from "zod";
import {
  type CallId,
  type EndpointId,
  type EndpointInput,
  type EndpointOutput,
  type Endpoints,
  endpoints,
  type ReceiveId,
  type SendId,
  type StreamId,
} from "../shared/endpoints/index.ts";
import type { ComputeError, Problem } from "../shared/errors.ts";
import { untilAborted } from "../shared/wait.ts";
import { BytesBody, type BytesToSend, type ReceiveOptions, type SendOptions } from "./bytes.ts";
import { errorOfProblem, UnreachableError } from "./errors.ts";
import { COMMON_INIT, closes, requestOf, unreachable } from "./request.ts";
import type { EndRequest, ServerProof } from "./server-proof.ts";
import { SseParser } from "./sse.ts";
import { TimeLimit, TimeLimitError } from "./time-limit.ts";

/** Signs a client's requests. */
export interface Credentials {
  /** The headers of one request, such as `authorization` or `x-api-key`. Called before every attempt. */
  headers(request?: SentRequest): Promise<Record<string, string>> | Record<string, string>;
  /** Called once after a 401 `token_expired` or `unauthenticated`. true: `headers()` has something newer, send again. */
  renew?(why: ComputeError): Promise<boolean>;
  /** Called before a wait for these jobs: the wait may outlive the token that `headers()` returns now. */
  prepareToWait?(jobIds: readonly string[], source: TicketSource): Promise<void>;
}

/** The request to sign: its endpoint, and the job or array it is about. */
export interface SentRequest {
  id: EndpointId;
  jobId: string | undefined;
}

export type WaitTicket = EndpointOutput<"jobs.wait-tickets">["tickets"][number];

/** Asks the server for wait tickets; `headers` sign that request. */
export type TicketSource = (
  jobIds: readonly string[],
  headers: Record<string, string>,
) => Promise<WaitTicket[]>;

export interface CallOptions {
  /** Ends the call; it then throws the signal's reason. */
  signal?: AbortSignal;
  /** Limit for the whole call, body included. Default: 15 s plus the time the endpoint itself may wait. */
  timeoutMs?: number;
  /** For endpoints that take a key: calls repeated with the same key are carried out once. */
  idempotencyKey?: string;
}

export interface StreamOptions {
  /** Ends the stream; it then throws the signal's reason. */
  signal?: AbortSignal;
  /** The id of the last event seen: the stream resumes after it. */
  lastEventId?: string;
  /** Called when the server starts to answer. */
  onOpen?: () => void;
}

/** One event of a stream: its name, and the data that name carries. */
export type StreamEventOf<Id extends StreamId> = EventOf<Endpoints[Id]["events"]>;
type EventOf<Events> = {
  [Name in keyof Events & string]: { event: Name; id?: string; data: DataOf<Events[Name]> };
}[keyof Events & string];
type DataOf<Schema> = Schema extends z.ZodType ? z.output<Schema> : never;

const CALL_LIMIT_MS = 15_000;
/** A stream sends something at least this often, if only a comment. If it does not, the connection is dead. */
const STREAM_SILENCE_MS = 60_000;
const BYTES_SILENCE_MS = 60_000;

/**
 * Calls any endpoint of the endpoint table by its id. Each call is one attempt, or two if `Credentials.renew` asks for
 * a second; `Jobs`, `Nodes` and the other groups add retries on top. Answers are trusted to match the table.
 *
 * Throws ComputeError if the server answers with a problem, UnreachableError if there is no answer, OtherServerError if
 * another server answers, and the signal's own reason when aborted.
 *
 * @example
 * const client = new ComputeClient({ url: "http://127.0.0.1:7070", credentials });
 * const { jobs } = await client.call("jobs.list", { status: ["RUNNING"] });
 * for await (const { event, data } of client.stream("jobs.logs", { jobId })) console.log(event, data);
 */
export class ComputeClient {
  /** Without a trailing slash. */
  readonly url: string;
  private readonly credentials: Credentials | undefined;
  private readonly proof: ServerProof | undefined;

  /** @param options.proof checked before every request; clients of the same server share one. */
  constructor(options: { url: string; credentials?: Credentials; proof?: ServerProof }) {
    this.url = options.url.replace(/\/+$/, "");
    this.credentials = options.credentials;
    this.proof = options.proof;
  }

  /** A client of the same server that signs in another way. */
  signedBy(credentials: Credentials): ComputeClient {
    return new ComputeClient({ url: this.url, proof: this.proof, credentials });
  }

  /** Calls an endpoint once and resolves with its output. */
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

  /**
   * Sends a request without credentials to a path of the server that no row of the endpoint table describes, such as those
   * of OAuth. Resolves with the whole answer, whatever its status.
   */
  async ask(path: string, init: RequestInit, options: CallOptions = {}): Promise<Response> {
    const limit = new TimeLimit(options.timeoutMs ?? CALL_LIMIT_MS, options.signal);
    let end: EndRequest | undefined;
    let isStillThere = false;
    try {
      end = await this.begin(undefined, limit.signal);
      const response = await this.reading(limit.signal, () =>
        this.fetch(this.url + path, () => ({ ...COMMON_INIT, ...init, signal: limit.signal })),
      );
      const { status, headers } = response;
      if (status >= 300 && status < 400) throw this.redirected(response);
      const body = await this.reading(limit.signal, () => response.text());
      isStillThere = !closes(response);
      return new Response(body, { status, headers });
    } finally {
      end?.(isStillThere);
      limit.clear();
    }
  }

  /** Whether a wait may outlive this client's token; see `prepareToWait`. */
  get mustPrepareToWait(): boolean {
    return this.credentials?.prepareToWait !== undefined;
  }

  /** Call this before a wait for these jobs: the wait may then outlive the token it starts with. */
  async prepareToWait(jobIds: readonly string[], signal?: AbortSignal): Promise<void> {
    const prepared = this.credentials?.prepareToWait?.(jobIds, async (wanted, headers) => {
      const { url, proof } = this;
      const client = new ComputeClient({ url, proof, credentials: { headers: () => headers } });
      return (await client.call("jobs.wait-tickets", { jobIds: [...wanted] })).tickets;
    });
    // Other waits may use the same tickets, so aborting this wait does not abort the request.
    await untilAborted(prepared, signal);
  }

  /** Streams events over one connection: ends when the server ends it, throws when the connection breaks. */
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
        // The time the caller spends on these events does not count as the server's silence.
        limit.pause();
        if (chunk.done) return;
        for (const event of await this.reading(limit.signal, () => parser.push(chunk.value))) {
          yield { ...event, data: this.json(event.data) } as StreamEventOf<Id>;
        }
      }
    } finally {
      // A stream may end because its server stops.
      end?.(false);
      limit.clear();
      // The reader of a broken connection cannot be cancelled; it has nothing left to free.
      await reader?.cancel().catch(() => undefined);
    }
  }

  /** Sends bytes, and resolves with the endpoint's output. An error of their source is thrown as it is. */
  async sendBytes<Id extends SendId>(
    id: Id,
    input: EndpointInput<Id>,
    bytes: BytesToSend,
    { signal, silenceMs = BYTES_SILENCE_MS, onSent }: SendOptions = {},
  ): Promise<EndpointOutput<Id>> {
    const limit = new TimeLimit(silenceMs, signal);
    let end: EndRequest | undefined;
    let isStillThere = false;
    let body: BytesBody | undefined;
    try {
      end = await this.begin(id, limit.signal);
      const headers = {
        "content-type": endpoints[id].takesBytes.type,
        "content-length": String(bytes.bytes),
      };
      const response = await this.send(id, input, headers, limit.signal, () => {
        body = new BytesBody(bytes, limit, onSent);
        return body.stream;
      });
      limit.renew();
      const text = await this.reading(limit.signal, () => response.text());
      const output = this.parse(response, text) as EndpointOutput<Id>;
      isStillThere = !closes(response);
      return output;
    } catch (error) {
      throw body?.failure ? body.failure.cause : error;
    } finally {
      end?.(isStillThere);
      limit.clear();
    }
  }

  /** Receives bytes as they come. Throws UnreachableError if they break off before their end. */
  async *receiveBytes<Id extends ReceiveId>(
    id: Id,
    input: EndpointInput<Id>,
    { signal, silenceMs = BYTES_SILENCE_MS }: ReceiveOptions = {},
  ): AsyncGenerator<Uint8Array, void, void> {
    const limit = new TimeLimit(silenceMs, signal);
    let end: EndRequest | undefined;
    let isStillThere = false;
    let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
    try {
      end = await this.begin(id, limit.signal);
      const response = await this.send(id, input, {}, limit.signal);
      this.expectType(response, endpoints[id].givesBytes);
      reader = response.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
      for (let source = reader; source; ) {
        const from = source;
        limit.renew();
        const chunk = await this.reading(limit.signal, () => from.read());
        // The time that the caller takes is not the server's silence.
        limit.pause();
        if (chunk.done) {
          isStillThere = !closes(response);
          return;
        }
        yield chunk.value;
      }
    } finally {
      end?.(isStillThere);
      limit.clear();
      // The reader of a broken connection cannot be cancelled; it has nothing left to free.
      await reader?.cancel().catch(() => undefined);
    }
  }

  /** Proves the server before anything else is sent. Returns the function to call when the request is over. */
  private async begin(id: EndpointId | undefined, signal: AbortSignal): Promise<EndRequest | undefined> {
    if (!this.proof || id === "server.identity") return undefined;
    // Other requests may wait for the same proof, so aborting this request does not abort the proof.
    const begun = this.proof.begin((input) =>
      new ComputeClient({ url: this.url }).call("server.identity", input),
    );
    try {
      return await untilAborted(begun, signal);
    } catch (error) {
      begun.then((end) => end(false)).catch(() => undefined); // Requests that still wait get the error.
      throw error instanceof TimeLimitError ? new UnreachableError(this.url, error.message) : error;
    }
  }

  private async send<Id extends EndpointId>(
    id: Id,
    input: EndpointInput<Id>,
    extra: Record<string, string>,
    signal: AbortSignal,
    stream?: () => ReadableStream<Uint8Array>,
  ): Promise<Response> {
    const { path, method, body } = requestOf(id, input as Record<string, unknown>);
    for (let attempt = 1; ; attempt++) {
      const { jobId, arrayId = jobId } = input as { jobId?: string; arrayId?: string };
      const headers = { ...(await this.credentials?.headers({ id, jobId: arrayId })), ...extra };
      if (body !== undefined) headers["content-type"] = "application/json";
      const init = () => ({ ...COMMON_INIT, method, headers, signal, body: body ?? stream?.() });
      const response = await this.reading(signal, () => this.fetch(this.url + path, init));
      if (response.ok) return response;
      if (response.status >= 300 && response.status < 400) throw this.redirected(response);
      const error = await this.problem(response, signal);
      const mayRenew = error.code === "token_expired" || error.code === "unauthenticated";
      if (attempt > 1 || !mayRenew || !(await this.credentials?.renew?.(error))) throw error;
    }
  }

  private fetch(url: string, init: () => RequestInit): Promise<Response> {
    return this.proof ? this.proof.fetch(url, init) : fetch(url, init());
  }

  /** Runs one step of the exchange with the server and turns a failure into the error it means. */
  private async reading<T>(signal: AbortSignal, step: () => T | Promise<T>): Promise<T> {
    try {
      return await step();
    } catch (error) {
      if (signal.aborted && !(signal.reason instanceof TimeLimitError)) throw signal.reason;
      if (error instanceof UnreachableError) throw error;
      const cause = signal.aborted ? (signal.reason as Error) : error;
      throw unreachable(this.url, cause);
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
    throw this.notOurs(response, `it sent ${got === "" ? "no content type" : got} instead of ${type}`);
  }

  private json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw new UnreachableError(this.url, "its answer is not JSON", { cause, todo: CHECK_URL });
    }
  }

  private redirected(response: Response): UnreachableError {
    const target = response.headers.get("location") ?? "";
    const place = URL.canParse(target, this.url) ? new URL(target, this.url).origin : "another place";
    return new UnreachableError(
      this.url,
      `it redirects to ${place} (HTTP ${response.status}), and nothing was sent there`,
      { todo: `If that is your server, use ${place} as its URL` },
    );
  }

  private notOurs(response: Response, why: string): UnreachableError {
    return new UnreachableError(
      this.url,
      `what answers there (HTTP ${response.status}) is not a Tanvrit Compute server: ${why}`,
      // A proxy answers with a 5xx of its own while the server behind it restarts.
      { todo: CHECK_URL, temporary: response.status >= 500 },
    );
  }
}

const CHECK_URL = "Check the URL and any proxy in between";
