import type { ApiKey } from "../shared/api-key.ts";
import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { ComputeClient } from "./client.ts";
import { type ListOptions, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

/**
 * API keys, with which programs act as their person. An API key itself cannot make, list or end keys.
 *
 * @example
 * const { key } = await compute.apiKeys.create({ name: "ci", role: "member", maxJobsPerHour: 100 });
 * const ci = createComputeClient({ url, apiKey: key });
 */
export class ApiKeys {
  constructor(private readonly client: ComputeClient) {}

  /** `key` is its text, which no other answer has. Throws `conflict` if you have a key with this name. */
  create(key: EndpointInput<"api-keys.create">): Promise<EndpointOutput<"api-keys.create">> {
    return this.client.call("api-keys.create", key);
  }

  /** Yours, or with `all` everybody's, the newest first. */
  list({ all, ...options }: ListOptions & { all?: boolean } = {}): AsyncGenerator<ApiKey, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { apiKeys, nextCursor } = await call("api-keys.list", { all });
      return { rows: apiKeys, nextCursor };
    });
  }

  /** Ends a key: its next call is refused. */
  async revoke(apiKeyId: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "api-keys.revoke", { apiKeyId }, options);
  }
}
