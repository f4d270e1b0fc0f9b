import { bytesText } from "../../shared/bytes-text.ts";
import { ComputeError } from "../../shared/errors.ts";
import { leaveGarbage } from "../../shared/garbage.ts";
import { pause } from "../../shared/wait.ts";
import { brokenBody, slowBody } from "./bodies.ts";

/** The most bodies of bytes that are received at the same time: in all, and from one user, node or link. */
const MAX_IN_FLIGHT = 64;
const MAX_OWNER_IN_FLIGHT = 8;
/** The most downloads at the same time, likewise. */
const MAX_SENT = 512;
const MAX_OWNER_SENT = 64;
/** How long a client may be silent in all. Every byte gives it back some time, at `MIN_BYTES_PER_MS`. */
const PATIENCE_MS = 60_000;
const MIN_BYTES_PER_MS = 4;
/** How long a client may take no byte of an answer. */
const UNREAD_MS = 120_000;
/** An answer of up to this many bytes is sent in one go, so an error before its end is still answered as a problem. */
const SMALL_BYTES = 256 * 1024;

/** The bytes of a request, as they arrive. Nothing is read before the first iteration, and it can be iterated once. */
export interface IncomingBytes extends AsyncIterable<Uint8Array> {
  /** The Content-Length, if the client sent one. */
  readonly announced: number | undefined;
}

/** Bytes to answer with. */
export interface OutgoingBytes {
  status?: 200 | 206;
  /** In addition to the content type of the endpoint. */
  headers?: Readonly<Record<string, string>>;
  /** How many there will be. */
  bytes: number;
  /** Each is used no more when the next one is asked for. */
  chunks: AsyncIterable<Uint8Array>;
}

/**
 * Hands the bodies of uploads and downloads over as they come, with limits on size, time and number, and no more than a
 * few chunks of each in memory.
 */
export class ByteBodies {
  private readonly received = new Slots(MAX_IN_FLIGHT, MAX_OWNER_IN_FLIGHT);
  private readonly sent = new Slots(MAX_SENT, MAX_OWNER_SENT);

  /** @param limits only tests change them. */
  constructor(private readonly limits = { patienceMs: PATIENCE_MS, unreadMs: UNREAD_MS }) {}

  /**
   * Throws `payload_too_large` if more bytes are announced. Iterating throws that too, `request_timeout` if the client is
   * too slow, `rate_limited` if there are too many uploads, `unavailable` if the server stops, and `invalid_request` if the
   * body breaks off.
   */
  incoming(
    request: Request,
    { owner, maxBytes, signal }: { owner: string; maxBytes: number; signal: AbortSignal },
  ): IncomingBytes {
    const text = request.headers.get("content-length");
    const announced = text === null ? undefined : Number(text);
    if (announced !== undefined && announced > maxBytes) throw tooLong(maxBytes);
    const iterate = () => this.receive(request, owner, maxBytes, signal);
    return { announced, [Symbol.asyncIterator]: iterate };
  }

  /**
   * The answer. The iterable is read as fast as the client reads, and is returned when the client goes. The runtime sends
   * long answers in HTTP chunks and without a Content-Length.
   */
  async response(
    { status = 200, headers, bytes, chunks }: OutgoingBytes,
    type: string,
    { owner, signal, method, onError }: SendParts,
  ): Promise<Response> {
    const init = { status, headers: { "content-type": type, "cache-control": "no-store", ...headers } };
    // The runtime takes the length for the answer to HEAD from here.
    if (method === "HEAD")
      return new Response(null, { ...init, headers: { ...init.headers, "content-length": String(bytes) } });
    const release = this.sent.take(owner, "downloads");
    if (bytes > SMALL_BYTES) {
      const unreadMs = this.limits.unreadMs;
      return new Response(answerStream(chunks, { signal, onError, unreadMs, onEnd: release }), init);
    }
    try {
      return new Response(Buffer.concat(await Array.fromAsync(chunks, (chunk) => chunk.slice())), init);
    } finally {
      release();
    }
  }

  private async *receive(
    request: Request,
    owner: string,
    maxBytes: number,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const release = this.received.take(owner, "uploads");
    const reader = request.body?.getReader() as ReadableStreamDefaultReader<Uint8Array> | undefined;
    const { patienceMs } = this.limits;
    let [bytes, leftMs] = [0, patienceMs];
    let isWhole = false;
    try {
      while (reader) {
        const startMs = performance.now();
        const { done, value } = await readInTime(reader, leftMs, signal).catch((error) => {
          // A client that has gone is no fault of the server.
          return request.signal.aborted ? brokenBody(error) : Promise.reject(error);
        });
        isWhole = done;
        if (done) return;
        bytes += value.byteLength;
        if (bytes > maxBytes) throw tooLong(maxBytes);
        // Only the time in which we waited for the client counts.
        const waitedMs = performance.now() - startMs;
        leftMs = Math.min(patienceMs, leftMs - waitedMs + value.byteLength / MIN_BYTES_PER_MS);
        leaveGarbage(value.byteLength);
        yield value;
      }
    } finally {
      release();
      // Nobody needs the rest of the body.
      if (!isWhole) await reader?.cancel().catch(() => undefined);
    }
  }
}

export interface SendParts {
  owner: string;
  /** The method of the request: the answer to HEAD has no body. */
  method: string;
  /** Ends the answer. */
  signal: AbortSignal;
  onError: (error: unknown) => void;
}

interface AnswerParts extends Pick<SendParts, "signal" | "onError"> {
  unreadMs: number;
  /** Called once. */
  onEnd: () => void;
}

/** Reads the chunks one by one, as the client takes them. */
function answerStream(
  chunks: AsyncIterable<Uint8Array>,
  { signal, onError, unreadMs, onEnd }: AnswerParts,
): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  let unread: ReturnType<typeof setTimeout> | undefined;
  let isOver = false;
  let stop: () => void = () => undefined;
  const end = () => {
    if (isOver) return;
    isOver = true;
    clearTimeout(unread);
    signal.removeEventListener("abort", stop);
    onEnd();
    // What was read is sent or dropped already, so an error here means nothing to anybody.
    iterator.return?.().catch(() => undefined);
  };
  const awaitReader = () => {
    unread = setTimeout(stop, unreadMs);
  };
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        stop = () => {
          end();
          controller.error();
        };
        signal.addEventListener("abort", stop, { once: true });
        awaitReader();
      },
      async pull(controller) {
        clearTimeout(unread);
        try {
          const next = await iterator.next();
          if (isOver) return;
          if (next.done) {
            end();
            controller.close();
          } else {
            // The runtime has sent or copied it when it asks for the next one.
            controller.enqueue(next.value);
            awaitReader();
          }
        } catch (error) {
          // The status is already sent, so the client sees the answer break off.
          if (isOver) return;
          end();
          onError(error);
          // Without the error, which the runtime would print.
          controller.error();
        }
      },
      cancel: end,
    },
    { highWaterMark: 0 },
  );
}

async function readInTime(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  ms: number,
  signal: AbortSignal,
): Promise<{ done: true; value?: undefined } | { done: false; value: Uint8Array }> {
  const arrived = new AbortController();
  const late = pause(Math.max(0, ms), signal, arrived.signal).then(() => undefined);
  try {
    const read = await Promise.race([reader.read().catch(brokenBody), late]);
    if (read !== undefined) return read as { done: false; value: Uint8Array };
    throw signal.aborted ? stopped() : slowBody();
  } finally {
    arrived.abort();
  }
}

/** Counts what is under way, in all and for each owner. */
class Slots {
  private inAll = 0;
  private readonly ofOwner = new Map<string, number>();

  constructor(
    private readonly maxInAll: number,
    private readonly maxOfOwner: number,
  ) {}

  /** Returns the function that gives the slot back. Throws `rate_limited` if there is none. */
  take(owner: string, what: string): () => void {
    const count = this.ofOwner.get(owner) ?? 0;
    if (this.inAll >= this.maxInAll || count >= this.maxOfOwner) {
      const detail = `Too many ${what} are under way. Send this request again in a moment.`;
      throw new ComputeError("rate_limited", detail, { retryAfterSeconds: 1 });
    }
    this.inAll++;
    this.ofOwner.set(owner, count + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      this.inAll--;
      const left = (this.ofOwner.get(owner) ?? 1) - 1;
      if (left > 0) this.ofOwner.set(owner, left);
      else this.ofOwner.delete(owner);
    };
  }
}

function stopped(): ComputeError {
  return new ComputeError("unavailable", "The upload was stopped. Send it again.", { retryAfterSeconds: 1 });
}

function tooLong(maxBytes: number): ComputeError {
  return new ComputeError("payload_too_large", `The body is larger than ${bytesText(maxBytes)}.`);
}
