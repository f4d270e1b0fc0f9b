import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";
import type { Enrolment } from "../shared/enrolment.ts";
import type { ComputeClient } from "./client.ts";
import { type ListOptions, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

/**
 * Tokens with which machines without a person register as nodes.
 *
 * @example
 * const { token } = await compute.enrolments.create({ ttlSeconds: 3_600, uses: 5, pool: "gpu" });
 */
export class Enrolments {
  constructor(private readonly client: ComputeClient) {}

  /** Makes a token, returned only this once. */
  create(
    input: EndpointInput<"enrolments.create"> = {},
    options: Patience = {},
  ): Promise<EndpointOutput<"enrolments.create">> {
    return callPatiently(this.client, "enrolments.create", input, options);
  }

  /** Lists the tokens without their secrets, newest first. */
  list(options: ListOptions = {}): AsyncGenerator<Enrolment, void, void> {
    return walkPages(this.client, options, async (call) => {
      const { enrolments, nextCursor } = await call("enrolments.list", {});
      return { rows: enrolments, nextCursor };
    });
  }

  /** Lets no more machines register with the token; with `nodes`, its nodes lose their access too. */
  revoke(
    enrolmentId: string,
    { nodes, ...patience }: Patience & { nodes?: boolean } = {},
  ): Promise<EndpointOutput<"enrolments.revoke">> {
    return callPatiently(this.client, "enrolments.revoke", { enrolmentId, nodes }, patience);
  }
}
