import { JsonText, type StreamEvent } from "./handler.ts";

const KEEP_ALIVE_MS = 15_000;
const encoder = new TextEncoder();

/**
 * Sends events as `text/event-stream`. It asks the iterable for more only when the client has taken the events so far,
 * and stops when the client disconnects. A comment every 15 s keeps proxies from closing a quiet stream.
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
      // Started only now that somebody reads: a body that nobody reads, such as the answer to HEAD, is never cancelled.
      keepAlive ??= setInterval(() => {
        if ((controller.desiredSize ?? 0) > 0) controller.enqueue(encoder.encode(": keep-alive\n\n"));
      }, KEEP_ALIVE_MS);
      try {
        await nextTurn();
        const next = await iterator.next();
        // The client disconnected while we waited, which closed the stream: nothing can be enqueued any more.
        if (gone) return;
        if (next.done) {
          clearInterval(keepAlive);
          controller.close();
        } else {
          controller.enqueue(encodeEvents(next.value));
        }
      } catch (error) {
        // The status is already sent, so the client sees the stream break off, and resumes from its last event id.
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
 * Streams take turns, one chunk each, and the event loop handles everything else between two turns: many fast readers of
 * long logs must not delay a heartbeat.
 */
function nextTurn(): Promise<unknown> {
  lastTurn = lastTurn.then(() => new Promise((resolve) => setImmediate(resolve)));
  return lastTurn;
}

/** The same events often go to many readers, so they are encoded once. */
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
  const text = data instanceof JsonText ? data.text : JSON.stringify(data);
  return `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${text}\n\n`;
}
