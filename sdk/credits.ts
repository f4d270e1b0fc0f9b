import type { CreditBalance, CreditEntry, HostedPool } from "../shared/credit.ts";
import type { EndpointInput } from "../shared/endpoints/index.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";

export type LedgerFilter = ListFilter<"credits.ledger">;

export interface GrantOptions extends Patience {
  /** One is made where none is given, so that a grant whose answer was lost is sent again without harm. */
  idempotencyKey?: string;
}

/** Credit for hosted nodes, in micro-dollars: millionths of a US dollar. */
export class Credits {
  private readonly client: ComputeClient;

  constructor(client: ComputeClient) {
    this.client = client;
  }

  balance(options: Patience = {}): Promise<CreditBalance> {
    return callPatiently(this.client, "credits.balance", {}, options);
  }

  /** Newest first. */
  ledger(filter: LedgerFilter = {}, options: Patience = {}): AsyncGenerator<CreditEntry, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { entries, nextCursor } = await call("credits.ledger", where);
      return { rows: entries, nextCursor };
    });
  }

  /** The pools that are paid for; every other one is free. */
  async prices(options: Patience = {}): Promise<HostedPool[]> {
    return (await callPatiently(this.client, "credits.prices", {}, options)).pools;
  }

  /** Only owners may. */
  grant(grant: EndpointInput<"credits.grant">, options: GrantOptions = {}): Promise<CreditEntry> {
    const idempotencyKey = options.idempotencyKey ?? crypto.randomUUID();
    return callPatiently(this.client, "credits.grant", grant, { ...options, idempotencyKey });
  }
}
