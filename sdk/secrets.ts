import { base64Of } from "../shared/base64.ts";
import type { EndpointOutput } from "../shared/endpoints/index.ts";
import type { SecretFacts } from "../shared/secret.ts";
import type { ComputeClient } from "./client.ts";
import { type ListOptions, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

/**
 * Secrets of the business. A job gets them by name, in `secretEnv` and `secretFiles`; nobody can read a value back.
 *
 * @example
 * await compute.secrets.set("deploy-token", token);
 * await compute.jobs.submit({ command: "./deploy", secretEnv: { TOKEN: "deploy-token" } });
 */
export class Secrets {
  constructor(private readonly client: ComputeClient) {}

  /**
   * Sets the value: 1 byte to 64 KiB. With `ttlSeconds` it is removed after that long. Throws `conflict` if the business
   * has too many secrets or the server no key.
   */
  set(
    name: string,
    value: string | Uint8Array,
    options: Patience & { ttlSeconds?: number } = {},
  ): Promise<SecretFacts> {
    const { ttlSeconds, ...patience } = options;
    const valueBase64 = base64Of(typeof value === "string" ? new TextEncoder().encode(value) : value);
    return callPatiently(this.client, "secrets.set", { name, valueBase64, ttlSeconds }, patience);
  }

  /** Lists the secrets by name, without their values. */
  list(options: ListOptions = {}): AsyncGenerator<SecretFacts, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { secrets, nextCursor } = await call("secrets.list", {});
      return { rows: secrets, nextCursor };
    });
  }

  /** Deletes secrets; names that no secret has are `missing`. */
  delete(names: readonly string[], options: Patience = {}): Promise<EndpointOutput<"secrets.delete">> {
    return callPatiently(this.client, "secrets.delete", { names: [...names] }, options);
  }
}
