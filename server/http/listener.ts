import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { pause } from "../../shared/wait.ts";
import type { CallSocket } from "./call-socket.ts";

/** The certificate and key of a listener, as PEM. */
export interface TlsKeys {
  cert: string;
  key: string;
}

type BunServer = Bun.Server<CallSocket>;

const TRY_AGAIN_MS = 100;

/**
 * Listens at an address. A new certificate needs a new listener, as Bun cannot change one's: it takes over the port within
 * a millisecond, and connections that are open stay with the one before until they end.
 */
export class Listener {
  private current: BunServer;
  /** Those before, which still have open requests. */
  private readonly earlier = new Set<BunServer>();
  private isStopping = false;

  /** @param listen throws `EADDRINUSE` if the port is taken; `port` is given from the second time on. */
  constructor(
    private readonly listen: (tls: TlsKeys | undefined, port?: number) => BunServer,
    tls: TlsKeys | undefined,
    private readonly log: Logger,
  ) {
    this.current = listen(tls);
  }

  get port(): number | undefined {
    return this.current.port;
  }

  /** The numeric address; Bun's types lack it. */
  get address(): string | undefined {
    return (this.current as { address?: { address?: string } }).address?.address;
  }

  /** Resolves when new connections get this certificate. */
  async replace(tls: TlsKeys): Promise<void> {
    // Connections that already wait in the queue of the port are accepted first.
    await new Promise((resolve) => setImmediate(resolve));
    if (this.isStopping) return;
    const before = this.current;
    const { port } = before;
    this.earlier.add(before);
    void before.stop().finally(() => this.earlier.delete(before));
    for (let failures = 0; !this.isStopping; failures++) {
      try {
        this.current = this.listen(tls, port);
        return;
      } catch (error) {
        if (failures === 0)
          this.log.error(`cannot listen on port ${port} again: ${textOf(error)}; trying on`);
        await pause(TRY_AGAIN_MS);
      }
    }
  }

  /** @param isForced ends open connections too. */
  async stop(isForced = false): Promise<void> {
    this.isStopping = true;
    await Promise.all([this.current, ...this.earlier].map((server) => server.stop(isForced)));
  }
}
