import { Emitter } from "../../shared/emitter.ts";

/** Passes requests on to a server. It counts them by path, and holds back those that the test names. */
export class Gatehouse implements AsyncDisposable {
  readonly counts = new Map<string, number>();
  /** The digests in requests for blobs, and how often each was asked for. */
  readonly digests = new Map<string, number>();
  target = "";
  private held: string | undefined;
  private waiting = 0;
  private readonly changed = new Emitter();
  private opened = Promise.withResolvers<void>();
  private readonly listener: Bun.Server<undefined>;

  constructor() {
    this.listener = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      idleTimeout: 120,
      maxRequestBodySize: 64 * 1024 * 1024,
      fetch: (request) => this.pass(request),
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.listener.port}`;
  }

  /** From now on requests whose path ends so wait until `open`. */
  hold(path: string): void {
    this.open();
    this.held = path;
    this.waiting = 0;
    this.opened = Promise.withResolvers();
  }

  open(): void {
    this.held = undefined;
    this.opened.resolve();
  }

  /** Resolves when a request is held back. */
  async untilHeld(): Promise<void> {
    while (this.waiting === 0) {
      const change = Promise.withResolvers<void>();
      const stop = this.changed.subscribe(() => change.resolve());
      await change.promise;
      stop();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.open();
    await this.listener.stop(true);
  }

  private async pass(request: Request): Promise<Response> {
    const { pathname, search } = new URL(request.url);
    const body = request.body ? await request.arrayBuffer() : undefined;
    this.counts.set(pathname, (this.counts.get(pathname) ?? 0) + 1);
    if (pathname.endsWith("/artifacts/blobs/read") && body) {
      const { digests } = JSON.parse(new TextDecoder().decode(body)) as { digests: string[] };
      for (const one of digests) this.digests.set(one, (this.digests.get(one) ?? 0) + 1);
    }
    if (this.held !== undefined && pathname.endsWith(this.held)) {
      this.waiting++;
      this.changed.emit();
      await this.opened.promise;
    }
    const headers = new Headers(request.headers);
    headers.delete("host");
    try {
      return await fetch(`${this.target}${pathname}${search}`, {
        ...{ method: request.method, headers, body, signal: request.signal, redirect: "manual" },
        decompress: false,
      });
    } catch {
      return new Response(null, { status: 502 });
    }
  }
}
