import { TestServer } from "../support/server.ts";

/** Servers that share a store and a bus, and what ends them now and then. */
export class Fleet implements AsyncDisposable {
  kills = 0;

  private constructor(
    readonly servers: readonly TestServer[],
    private readonly shared: AsyncDisposableStack,
  ) {}

  /** One server on the embedded store, or several. */
  static async start(count: number): Promise<Fleet> {
    const shared = new AsyncDisposableStack();
    const servers: TestServer[] = [];
    for (let i = 0; i < count; i++) servers.push(shared.use(await TestServer.start()));
    return new Fleet(servers, shared);
  }

  /** Ends a server of chance as a crash would, and starts it again, until `signal` says enough. */
  async killNowAndThen(everyMs: number, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await Bun.sleep(everyMs);
      if (signal.aborted) return;
      const server = this.servers[Math.floor(Math.random() * this.servers.length)];
      await server?.kill();
      await server?.startAgain();
      this.kills += 1;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shared.disposeAsync();
  }
}
