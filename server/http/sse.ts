import type { StreamEvent } from "./handler.ts";

const KEEP_ALIVE_MS = 15_000;
const encoder = new TextEncoder();

/**
 * Events as `text/event-stream`. The iterable is asked for more only when the client has taken what it had, and is
 * closed when the client goes away. A comment every 15 s keeps proxies from closing a quiet stream.
 */
export function sseResponse(
  events: AsyncIterable<StreamEvent[]>,
  end: { onGone: () => void; onError: (error: unknown) => void },
  requestId: string,
): Response {
  const iterator = events[Symbol.asyncIterator]();
  let keepAlive: ReturnType<typeof setInterval> | undefined;
  let gone = false;
  const stream = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(encoder.encode(": stream\n\n"));
    },
    async pull(controller) {
      // Only now does somebody read: what nobody does, as the body of an answer to HEAD, is never cancelled either.
      keepAlive ??= setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(": keep-alive\n\n"));
      }, KEEP_ALIVE_MS);
      try {
        await nextTurn();
        const next = await iterator.next();
        // Who went away while we waited has closed the stream; nothing can be put into it any more.
        if (gone) return;
        if (next.done) {
          clearInterval(keepAlive);
          controller.close();
        } else {
          controller.enqueue(encodeEvents(next.value));
        }
      } catch (error) {
        // The status is sent already: the client sees the stream break off, and resumes by its last event id.
        clearInterval(keepAlive);
        if (gone) return;
        end.onError(error);
        throw error;
      }
    },
    cancel() {
      gone = true;
      clearInterval(keepAlive);
      end.onGone();
    },
  });
  return new Response(stream, {
    headers: {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache, no-transform",
      "x-accel-buffering": "no",
      "x-request-id": requestId,
    },
  });
}

let lastTurn: Promise<unknown> = Promise.resolve();

/**
 * Streams take turns, one chunk each, and between two turns the event loop looks at everything else: readers of long
 * logs, however many and fast, must not keep a heartbeat waiting.
 */
function nextTurn(): Promise<unknown> {
  lastTurn = lastTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
  return lastTurn;
}

/** The same events often go to many readers: they are encoded once. */
const encoded = new WeakMap<StreamEvent[], Uint8Array>();

function encodeEvents(events: StreamEvent[]): Uint8Array {
  let bytes = encoded.get(events);
  if (!bytes) {
    bytes = encoder.encode(events.map(encodeEvent).join(""));
    encoded.set(events, bytes);
  }
  return bytes;
}

/** JSON has no raw newlines, so one `data:` line holds any value. */
export function encodeEvent({ event, id, data }: StreamEvent): string {
  return `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}
