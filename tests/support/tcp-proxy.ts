import { connect, createServer, type Server, type Socket } from "node:net";

export type Direction = "toServer" | "toClient";

/** Passes connections on to a port of this machine, byte by byte, until the test cuts or freezes them. */
export class TcpProxy implements AsyncDisposable {
  /** How many bytes went through the connections, each way. */
  readonly passed: Record<Direction, number> = { toServer: 0, toClient: 0 };
  /** How many connections were made. */
  accepted = 0;
  /** Whether a connection was cut where `cutAfter` said. */
  hasCut = false;
  private cut: { bytes: number; direction: Direction } | undefined;
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    /** Where new connections lead. */
    public target: number,
  ) {
    server.on("connection", (client) => this.pass(client));
  }

  static async to(port: number): Promise<TcpProxy> {
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    return new TcpProxy(server, port);
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as { port: number }).port}`;
  }

  /** The connection that carries this byte in this direction, counted from now, breaks right after it. Later ones do not. */
  cutAfter(bytes: number, direction: Direction): void {
    this.passed.toServer = 0;
    this.passed.toClient = 0;
    this.hasCut = false;
    this.cut = { bytes, direction };
  }

  /** The connections that are open now break. */
  cutAll(): void {
    for (const socket of this.sockets) socket.destroy();
  }

  /** The connections that are open now carry nothing any more, and stay open. */
  freeze(): void {
    for (const socket of this.sockets) socket.removeAllListeners("data").pause();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cutAll();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private pass(client: Socket): void {
    this.accepted++;
    const server = connect(this.target, "127.0.0.1");
    const both = [client, server];
    const end = () => {
      for (const socket of both) socket.destroy();
    };
    for (const socket of both) {
      socket.setNoDelay(true);
      this.sockets.add(socket);
      socket.on("close", () => {
        this.sockets.delete(socket);
        end();
      });
      socket.on("error", () => undefined); // It is closed next, and that is all there is to do.
    }
    client.on("data", (chunk: Buffer) => this.forward(chunk, server, "toServer", end));
    server.on("data", (chunk: Buffer) => this.forward(chunk, client, "toClient", end));
  }

  private forward(chunk: Buffer, to: Socket, direction: Direction, end: () => void): void {
    const before = this.passed[direction];
    this.passed[direction] += chunk.length;
    const { cut } = this;
    if (!cut || cut.direction !== direction || this.passed[direction] < cut.bytes) {
      to.write(chunk);
      return;
    }
    this.cut = undefined;
    this.hasCut = true;
    to.write(chunk.subarray(0, cut.bytes - before), end);
  }
}
