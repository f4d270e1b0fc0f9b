import type { TimeLimit } from "./time-limit.ts";

/** Bytes for a request. */
export interface BytesToSend {
  /** How many there are. */
  bytes: number;
  /** Gives them from the beginning; called again if the request must be sent again. */
  chunks(): Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

export interface SendOptions {
  /** Ends the call; it then throws the signal's reason. */
  signal?: AbortSignal;
  /** The longest time in which nothing moves. Default: 60 s. */
  silenceMs?: number;
  /** Called after each chunk that was handed to the connection, with its length. */
  onSent?: (bytes: number) => void;
}

export interface ReceiveOptions {
  /** Ends the call; it then throws the signal's reason. */
  signal?: AbortSignal;
  /** The longest time in which nothing arrives. Default: 60 s. */
  silenceMs?: number;
}

/** A request's body, read as fast as the connection takes it. The limit is renewed with each chunk. */
export class BytesBody {
  /** Why the chunks could not be read. */
  failure: { cause: unknown } | undefined;
  readonly stream: ReadableStream<Uint8Array>;

  constructor(source: BytesToSend, limit: TimeLimit, onSent: SendOptions["onSent"]) {
    const iterator = iteratorOf(source.chunks());
    limit.renew();
    this.stream = new ReadableStream(
      {
        pull: async (controller) => {
          // The time that the source takes is not the server's silence.
          limit.pause();
          try {
            const next = await iterator.next();
            limit.renew();
            if (next.done) return controller.close();
            controller.enqueue(next.value);
            onSent?.(next.value.byteLength);
          } catch (cause) {
            limit.renew();
            this.failure = { cause };
            controller.error(cause);
          }
        },
        cancel: async () => {
          await iterator.return?.();
        },
      },
      { highWaterMark: 0 },
    );
  }
}

/** Whether this runtime can send a body while it is read. Browsers can do so only over HTTP/2. */
export function streamsBodies(): boolean {
  return globalThis.navigator?.userAgent.startsWith("Mozilla/") !== true;
}

/** A slower connection is taken for a dead one where a body is sent whole and nobody sees it move. */
const SLOWEST_BYTES_PER_MS = 16;

/** How long so many bytes may take at most. */
export function slowestMs(bytes: number): number {
  return bytes / SLOWEST_BYTES_PER_MS;
}

/** The bytes as a body that is sent whole. The limit does not count the time that their source takes. */
export async function wholeBody(
  source: BytesToSend,
  limit: TimeLimit,
  onSent: SendOptions["onSent"],
): Promise<BodyInit> {
  const pieces: BlobPart[] = [];
  limit.pause();
  for await (const chunk of source.chunks()) {
    pieces.push(chunk as Uint8Array<ArrayBuffer>);
    onSent?.(chunk.byteLength);
  }
  limit.renew();
  return new Blob(pieces);
}

function iteratorOf(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>) {
  return Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
}
