import { ComputeClient } from "../../sdk/client.ts";
import type { Credentials } from "../../sdk/credentials.ts";
import { isTemporary } from "../../sdk/errors.ts";
import type { CallId, EndpointInput, EndpointOutput } from "../../shared/endpoints/index.ts";
import { pause } from "../../shared/wait.ts";

const PAUSE_MS = 50;

/**
 * A client of several equivalent servers. A call that fails for a temporary reason goes to the next server, until
 * `signal` fires.
 */
export class AnyServer {
  private current: number;

  /** @param clients one for each server. */
  constructor(
    private readonly clients: readonly ComputeClient[],
    first = 0,
  ) {
    this.current = first % clients.length;
  }

  static at(urls: readonly string[], credentials: Credentials, first = 0): AnyServer {
    return new AnyServer(
      urls.map((url) => new ComputeClient({ url, credentials })),
      first,
    );
  }

  /** `input` is evaluated again for every attempt; the call must be safe to repeat. */
  async call<Id extends CallId>(
    id: Id,
    input: () => EndpointInput<Id>,
    signal: AbortSignal,
    idempotencyKey?: string,
  ): Promise<EndpointOutput<Id>> {
    for (;;) {
      signal.throwIfAborted();
      const client = this.clients[this.current];
      if (!client) throw new Error("there is no server to call");
      try {
        return await client.call(id, input(), { signal, idempotencyKey });
      } catch (error) {
        if (signal.aborted || !isTemporary(error)) throw error;
        this.current = (this.current + 1) % this.clients.length;
        await pause(PAUSE_MS, signal);
      }
    }
  }
}
