/** What a played server does with one frame. */
export interface PlayedPeer {
  /** A frame that came, after its head was parsed. */
  head: Record<string, unknown>;
  body: string;
  send(text: string | Uint8Array): void;
  /** Answers this frame with 200. */
  answer(output?: unknown): void;
  close(code?: number, reason?: string): void;
}

type Socket = Bun.ServerWebSocket<undefined>;

/** A server of the test's own that takes calls by HTTP and over WebSockets, and does with them what the test says. */
export class SocketServer implements AsyncDisposable {
  /** The headers of every request for an upgrade. */
  readonly upgrades: Headers[] = [];
  /** Endpoints that were called by HTTP, as paths. */
  readonly byHttp: string[] = [];
  /** Heads of frames. */
  readonly frames: Record<string, unknown>[] = [];
  /** What it answers to an upgrade; undefined: a WebSocket. */
  refuseWith: number | undefined;
  /** Called for each call. */
  onFrame: (peer: PlayedPeer) => void = ({ answer }) => answer();
  onOpen: (socket: Socket) => void = () => undefined;
  readonly open = new Set<Socket>();
  private readonly server: Bun.Server<undefined>;

  constructor(tls?: { cert: string; key: string }) {
    this.server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      ...(tls && { tls }),
      fetch: (request, server) => this.answerTo(request, server),
      websocket: {
        maxPayloadLength: 64 * 1024 * 1024,
        open: (socket) => {
          this.open.add(socket);
          this.onOpen(socket);
        },
        close: (socket) => void this.open.delete(socket),
        message: (socket, message) => this.received(socket, String(message)),
      },
    });
  }

  get url(): string {
    return this.server.url.href.replace(/\/$/, "");
  }

  get port(): number {
    return this.server.port ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.server.stop(true);
  }

  private async answerTo(request: Request, server: Bun.Server<undefined>): Promise<Response> {
    if (request.headers.has("upgrade")) {
      this.upgrades.push(request.headers);
      if (this.refuseWith !== undefined) return new Response("no", { status: this.refuseWith });
      if (server.upgrade(request)) return new Response(null);
    }
    await request.arrayBuffer();
    this.byHttp.push(new URL(request.url).pathname);
    return Response.json({});
  }

  private received(socket: Socket, text: string): void {
    const end = text.indexOf("\n");
    const head = JSON.parse(text.slice(0, end)) as Record<string, unknown>;
    this.frames.push(head);
    if (head.call === undefined) return;
    this.onFrame({
      head,
      body: text.slice(end + 1),
      send: (frame) => void socket.send(frame),
      answer: (output = {}) =>
        void socket.send(`{"answer":${head.call},"status":200}\n${JSON.stringify(output)}`),
      close: (code, reason) => socket.close(code, reason),
    });
  }
}
