import type {
  CallId,
  EndpointEvents,
  EndpointId,
  EndpointInput,
  EndpointOutput,
  ReceiveId,
  SendId,
  StreamId,
} from "../shared/endpoints/index.ts";
import { wire } from "../shared/endpoints/wire/index.ts";
import type { ComputeError, Problem } from "../shared/errors.ts";
import { untilAborted } from "../shared/wait.ts";
import {
  BytesBody,
  type BytesToSend,
  type ReceiveOptions,
  type SendOptions,
  slowestMs,
  streamsBodies,
  wholeBody,
} from "./bytes.ts";
import type { Credentials } from "./credentials.ts";
import { errorOfProblem, UnreachableError } from "./errors.ts";
import type { Line, LineAnswer } from "./line.ts";
import type { EndRequest, Proof } from "./proof.ts";
import {
  COMMON_INIT,
  closes,
  isRedirect,
  notJson,
  notOurs,
  redirected,
  requestOf,
  unreachable,
} from "./request.ts";
import { SseParser } from "./sse.ts";
import { TimeLimit, TimeLimitError } from "./time-limit.ts";

/** Like the standard `fetch`. */
export type FetchOfClient = (url: string, init: RequestInit) => Promise<Response>;

/** How a client's requests get to the server. */
export interface WayToServer {
  /** Sends them. Default: the `fetch` of this runtime. */
  fetch?: FetchOfClient;
  /** Carries calls in place of HTTP while it can. It proves the server itself. */
  line?: Line;
  /** Asked before every request, and sends it, instead of `fetch`; clients of the same server share one. */
  proof?: Proof;
}

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
export type StreamEventOf<Id extends StreamId> = EventOf<EndpointEvents<Id>>;
type EventOf<Events> = {
  [Name in keyof Events & string]: { event: Name; id?: string; data: Events[Name] };
}[keyof Events & string];

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
  private readonly way: WayToServer;

  constructor(options: { url: string; credentials?: Credentials } & WayToServer) {
    const { url, credentials, ...way } = options;
    this.url = url.replace(/\/+$/, "");
    this.credentials = credentials;
    this.way = way;
  }

  /** A client of the same server that signs in another way. */
  signedBy(credentials: Credentials): ComputeClient {
    // What a line carries is signed by the credentials that it was opened with.
    const { line: _, ...way } = this.way;
    return new ComputeClient({ ...way, url: this.url, credentials });
  }

  /** A client of the same server with the same credentials, with which the line was opened too. */
  over(line: Line): ComputeClient {
    const { url, credentials } = this;
    return new ComputeClient({ ...this.way, url, ...(credentials && { credentials }), line });
  }

  /** Calls an endpoint once and resolves with its output. */
  async call<Id extends CallId>(
    id: Id,
    input: EndpointInput<Id>,
    options: CallOptions = {},
  ): Promise<EndpointOutput<Id>> {
    const { maxWaitSeconds = 0 } = wire[id] as { maxWaitSeconds?: number };
    const limit = new TimeLimit(options.timeoutMs ?? CALL_LIMIT_MS + maxWaitSeconds * 1_000, options.signal);
    let end: EndRequest | undefined;
    let isStillThere = false;
    try {
      const carried = await this.overLine(id, input, options, limit.signal);
      if (carried) return this.json(carried.body) as EndpointOutput<Id>;
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
      if (isRedirect(response)) throw redirected(this.url, response);
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
      const client = this.signedBy({ headers: () => headers });
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
    const limit = new TimeLimit(streamsBodies() ? silenceMs : silenceMs + slowestMs(bytes.bytes), signal);
    let end: EndRequest | undefined;
    let isStillThere = false;
    let body: BytesBody | undefined;
    try {
      end = await this.begin(id, limit.signal);
      const headers = {
        "content-type": wire[id].takesBytes.type,
        "content-length": String(bytes.bytes),
      };
      const whole = streamsBodies() ? undefined : await wholeBody(bytes, limit, onSent);
      const response = await this.send(id, input, headers, limit.signal, () => {
        if (whole) return whole;
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
      this.expectType(response, wire[id].givesBytes);
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

  /** undefined: the call must go by HTTP. Throws the error of a problem. */
  private async overLine(
    id: CallId,
    input: unknown,
    { idempotencyKey }: CallOptions,
    signal: AbortSignal,
  ): Promise<LineAnswer | undefined> {
    const { line } = this.way;
    if (!line) return undefined;
    const answer = await this.reading(signal, () => line.call(id, input, { signal, idempotencyKey }));
    if (!answer || answer.status === 200) return answer;
    const problem = this.json(answer.body) as Problem;
    throw errorOfProblem({ ...problem, status: answer.status }, answer.retryAfterSeconds);
  }

  /** Proves the server before anything else is sent. Returns the function to call when the request is over. */
  private async begin(id: EndpointId | undefined, signal: AbortSignal): Promise<EndRequest | undefined> {
    const { proof, line: _, ...way } = this.way;
    if (!proof || id === "server.identity") return undefined;
    // Other requests may wait for the same proof, so aborting this request does not abort the proof.
    const begun = proof.begin((input) =>
      new ComputeClient({ ...way, url: this.url }).call("server.identity", input),
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
    bytes?: () => BodyInit,
  ): Promise<Response> {
    const { path, method, body } = requestOf(id, input as Record<string, unknown>);
    for (let attempt = 1; ; attempt++) {
      const { jobId, arrayId = jobId } = input as { jobId?: string; arrayId?: string };
      const headers = { ...(await this.credentials?.headers({ id, jobId: arrayId })), ...extra };
      if (body !== undefined) headers["content-type"] = "application/json";
      const init = () => ({ ...COMMON_INIT, method, headers, signal, body: body ?? bytes?.() });
      const response = await this.reading(signal, () => this.fetch(this.url + path, init));
      if (response.ok) return response;
      if (isRedirect(response)) throw redirected(this.url, response);
      const error = await this.problem(response, signal);
      const mayRenew = error.code === "token_expired" || error.code === "unauthenticated";
      if (attempt > 1 || !mayRenew || !(await this.credentials?.renew?.(error))) throw error;
    }
  }

  private fetch(url: string, init: () => RequestInit): Promise<Response> {
    const { proof, fetch: send = fetch } = this.way;
    return proof ? proof.fetch(url, init) : send(url, init());
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
    if (typeof problem?.code !== "string") throw notOurs(this.url, response, "its problem has no code");
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
    throw notOurs(this.url, response, `it sent ${got === "" ? "no content type" : got} instead of ${type}`);
  }

  private json(text: string): unknown {
    try {
      return JSON.parse(text);
    } catch (cause) {
      throw notJson(this.url, cause);
    }
  }
}
