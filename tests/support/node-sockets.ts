import { CALLS_PROTOCOL } from "../../shared/call-frames.ts";

/** A WebSocket as the server speaks it, without the agent's own client: a frame is one line of JSON, and a body. */
export class RawSocket {
  /** Frames that came, the oldest first. */
  readonly frames: { head: Record<string, unknown>; body: string }[] = [];
  /** How it was closed. */
  readonly closed: Promise<{ code: number; reason: string }>;
  private readonly waiting = new Map<
    unknown,
    (frame: { head: Record<string, unknown>; body: string }) => void
  >();

  private constructor(readonly socket: WebSocket) {
    const { promise, resolve } = Promise.withResolvers<{ code: number; reason: string }>();
    this.closed = promise;
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
    socket.addEventListener("message", ({ data }) => this.received(String(data)));
  }

  /** undefined: the server, or what is in between, refused the upgrade. */
  static async open(
    url: string,
    headers: Record<string, string>,
    protocols: string[] = [CALLS_PROTOCOL],
  ): Promise<RawSocket | undefined> {
    const target = new URL("/api/compute/nodes/socket", url.replace(/^http/, "ws"));
    const socket = new WebSocket(target.href, { headers, protocols } as never);
    const opened = Promise.withResolvers<boolean>();
    socket.addEventListener("open", () => opened.resolve(true));
    socket.addEventListener("error", () => opened.resolve(false));
    return (await opened.promise) ? new RawSocket(socket) : undefined;
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  send(head: object, body = ""): void {
    this.socket.send(`${JSON.stringify(head)}\n${body}`);
  }

  /** The answer to a call, as a response of HTTP. Rejects if the socket is closed first. */
  async answerTo(number: number): Promise<Response> {
    const frame = this.frames.find(({ head }) => head.answer === number);
    if (frame) return responseOf(frame);
    const answered = new Promise<{ head: Record<string, unknown>; body: string }>((resolve) =>
      this.waiting.set(number, resolve),
    );
    const closed = this.closed.then(({ code, reason }): never => {
      throw new Error(`the socket was closed with ${code} ${reason}`);
    });
    return responseOf(await Promise.race([answered, closed]));
  }

  private received(text: string): void {
    const end = text.indexOf("\n");
    const frame = { head: JSON.parse(text.slice(0, end)), body: text.slice(end + 1) };
    this.frames.push(frame);
    this.waiting.get(frame.head.answer)?.(frame);
  }
}

function responseOf({ head, body }: { head: Record<string, unknown>; body: string }): Response {
  const status = Number(head.status);
  const type = status === 200 ? "application/json" : "application/problem+json";
  const after: Record<string, string> =
    head.retryAfterSeconds === undefined ? {} : { "retry-after": String(head.retryAfterSeconds) };
  return new Response(body, { status, headers: { "content-type": type, ...after } });
}

/** Sends calls over WebSockets, one for each set of headers. */
export class NodeSockets {
  private readonly sockets = new Map<string, Promise<RawSocket | undefined>>();
  private lastNumber = 0;

  constructor(private readonly url: string) {}

  /** undefined: the upgrade was refused, so the call must go by HTTP. */
  async send(
    endpoint: string,
    body: string,
    headers: Record<string, string>,
    idempotencyKey?: string,
  ): Promise<Response | undefined> {
    const key = JSON.stringify(headers);
    let socket = await this.sockets.get(key);
    if (!socket?.isOpen) {
      const opening = RawSocket.open(this.url, headers);
      this.sockets.set(key, opening);
      socket = await opening;
    }
    if (!socket) return undefined;
    const number = ++this.lastNumber;
    socket.send({ call: number, endpoint, idempotencyKey }, body);
    return socket.answerTo(number);
  }
}
