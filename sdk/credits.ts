import type { CreditBalance, CreditEntry, CreditSpend, HostedPool } from "../shared/credit.ts";
import type { EndpointInput } from "../shared/endpoints/index.ts";
import type { ComputeClient } from "./client.ts";
import { type ListFilter, walkPages } from "./pages.ts";
import { callPatiently, type Patience } from "./patience.ts";
import { randomKey } from "./random-key.ts";

export type LedgerFilter = ListFilter<"credits.ledger">;

export interface GrantOptions extends Patience {
  /** Default: a random key, so a grant whose answer was lost can be sent again safely. */
  idempotencyKey?: string;
}

/**
 * Credit for hosted nodes. Amounts are whole micro-dollars: millionths of a US dollar.
 *
 * @example
 * const { availableMicroUsd } = await compute.credits.balance();
 * for await (const entry of compute.credits.ledger({ limit: 20 })) console.log(entry.kind, entry.amountMicroUsd);
 */
export class Credits {
  constructor(private readonly client: ComputeClient) {}

  /** The caller's credit in this business: available and reserved. */
  balance(options: Patience = {}): Promise<CreditBalance> {
    return callPatiently(this.client, "credits.balance", {}, options);
  }

  /** The changes to the caller's credit, newest first. */
  ledger(filter: LedgerFilter = {}, options: Patience = {}): AsyncGenerator<CreditEntry, void, void> {
    const { limit, ...where } = filter;
    return walkPages(this.client, { ...options, limit }, async (call) => {
      const { entries, nextCursor } = await call("credits.ledger", where);
      return { rows: entries, nextCursor };
    });
  }

  /** What the caller's executions have cost: per day, per job and per template. Default: in the last 30 days. */
  spend(filter: EndpointInput<"credits.spend"> = {}, options: Patience = {}): Promise<CreditSpend> {
    return callPatiently(this.client, "credits.spend", filter, options);
  }

  /** The hosted pools with their prices per second; every other pool is free. */
  async prices(options: Patience = {}): Promise<HostedPool[]> {
    return (await callPatiently(this.client, "credits.prices", {}, options)).pools;
  }

  /** Grants a user credit that does not expire with the month. Throws `forbidden` unless the caller is an owner. */
  grant(grant: EndpointInput<"credits.grant">, options: GrantOptions = {}): Promise<CreditEntry> {
    const idempotencyKey = options.idempotencyKey ?? randomKey();
    return callPatiently(this.client, "credits.grant", grant, { ...options, idempotencyKey });
  }
}
