import { connect, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import type { EngineEndpoint } from "./endpoint.ts";
import { EngineError, engineWords, whyUnreachable } from "./engine-error.ts";

const HEAD_END = "\r\n\r\n";
const MAX_HEAD_BYTES = 16 * 1024;
/** TCP keepalive detects a network connection that died without being closed. */
const KEEP_ALIVE_MS = 30_000;

/**
 * Sends a POST for a stream that takes over the connection, like that of an attached container. Resolves once the engine has
 * agreed. Reads no further ahead of the caller than the buffers of the socket.
 */
export async function openStream(
  endpoint: EngineEndpoint,
  path: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const socket = dial(endpoint);
  const give = (error: Error) => () => void socket.destroy(error);
  const onAbort = give(new Error("no longer wanted"));
  const timer = setTimeout(give(new Error("it did not answer in time")), timeoutMs);
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", onAbort));
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
  try {
    signal.throwIfAborted();
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: engine\r\nConnection: Upgrade\r\nUpgrade: tcp\r\nContent-Length: 0${HEAD_END}`,
    );
    const rest = await readHead(chunks);
    return bytesOf(socket, rest, chunks);
  } catch (error) {
    socket.destroy();
    if (error instanceof EngineError) throw error;
    signal.throwIfAborted();
    throw new EngineError(
      `The engine at ${endpoint.url} cannot be reached: ${whyUnreachable(error)}`,
      undefined,
      { cause: error },
    );
  } finally {
    clearTimeout(timer);
  }
}

function dial({ socketPath, host = "localhost", port = 2375, tls }: EngineEndpoint): Socket {
  if (socketPath !== undefined) return connect({ path: socketPath });
  const bare = host.replace(/^\[|\]$/g, "");
  const socket = tls
    ? connectTls({ host: bare, port, servername: bare, ...tls })
    : connect({ host: bare, port });
  return socket.setKeepAlive(true, KEEP_ALIVE_MS);
}

/** Reads the head of the answer, and returns the bytes after it, which already belong to the stream. */
async function readHead(chunks: AsyncIterator<Buffer>): Promise<Buffer> {
  let head = Buffer.alloc(0);
  for (let done: boolean | undefined = false; ; ) {
    const end = head.indexOf(HEAD_END);
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(head.toString("latin1", 0, 16))?.[1] ?? 0);
    const rest = end === -1 ? Buffer.alloc(0) : head.subarray(end + HEAD_END.length);
    if (end !== -1 && (status === 101 || status === 200)) return rest;
    // A refusal counts as complete once it can be parsed, because the engine may keep the connection open.
    if (end !== -1 && (done || rest.includes("}"))) {
      throw new EngineError(engineWords(jsonIn(rest.toString())) || `the engine answered ${status}`, status);
    }
    if (done) throw new Error("it closed the connection");
    if (head.length > MAX_HEAD_BYTES) throw new Error("it answered with something that is not HTTP");
    const next = await chunks.next();
    done = next.done;
    if (!next.done) head = Buffer.concat([head, next.value]);
  }
}

/** The JSON object in a body that may be chunked. */
function jsonIn(body: string): string {
  const [start, end] = [body.indexOf("{"), body.lastIndexOf("}")];
  return start === -1 || end < start ? body : body.slice(start, end + 1);
}

async function* bytesOf(
  socket: Socket,
  first: Buffer,
  chunks: AsyncIterator<Buffer>,
): AsyncGenerator<Uint8Array> {
  try {
    if (first.length > 0) yield first;
    for (;;) {
      const { done, value } = await chunks.next();
      if (done) return;
      yield value;
    }
  } finally {
    socket.destroy();
  }
}
