import type { Identity } from "../../shared/auth.ts";
import { type CostEstimate, MONTHLY_GRANT_MICRO_USD } from "../../shared/credit.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { JobManifest } from "../../shared/manifest.ts";
import { formatUsd } from "../../shared/money.ts";
import { may } from "../../shared/roles.ts";
import type { SessionStore } from "../auth/session-store.ts";
import {
  type Account,
  availableOf,
  type CreditStore,
  type LedgerQuery,
  type LedgerRecord,
} from "./credit-store.ts";
import { billFor, costMicroUsd, type Pricing } from "./pricing.ts";
import { coverOf } from "./windows.ts";

type AccountHolder = Pick<Identity, "businessId" | "userId">;

export interface CreditServiceParts {
  credits: CreditStore;
  sessions: SessionStore;
  pricing: Pricing;
  /** Epoch milliseconds. */
  now: () => number;
}

export interface NewGrant {
  /** Name or id. */
  user: string;
  amountMicroUsd: number;
  reason: string;
}

const HOUR_MS = 3_600_000;

/** What users see of credit and do with it, each in their own business. */
export class CreditService {
  constructor(private readonly parts: CreditServiceParts) {}

  /** Includes the grant of the month, which is given at the first call of the month. */
  async balance({ businessId, userId }: AccountHolder): Promise<Account> {
    const { credits, now } = this.parts;
    const [outcome] = await credits.post([{ kind: "grantMonthly", businessId, userId, nowMs: now() }]);
    if (!outcome) throw new Error("The store returned no outcome for an account");
    return outcome.account;
  }

  async ledger(query: LedgerQuery): Promise<LedgerRecord[]> {
    if (query.beforeEntryId === undefined) await this.balance(query);
    return this.parts.credits.ledger(query);
  }

  /** Only for owners. If the key was already used for the same grant, this resolves with the earlier entry. */
  async grant(by: Identity, grant: NewGrant, idempotencyKey: string | undefined): Promise<LedgerRecord> {
    if (!may(by.role, "credits.grant")) {
      throw new ComputeError(
        "forbidden",
        `Only an owner may grant credit; your role in ${by.businessName} is ${by.role}.`,
      );
    }
    const { credits, sessions, now } = this.parts;
    const member = await sessions.findMember(by.businessId, grant.user);
    if (!member) throw new ComputeError("not_found", `There is no user ${grant.user} in this business.`);
    const { amountMicroUsd, reason } = grant;
    const [outcome] = await credits.post([
      {
        kind: "grant",
        businessId: by.businessId,
        userId: member.userId,
        nowMs: now(),
        key: idempotencyKey ?? crypto.randomUUID(),
        amountMicroUsd,
        reason,
        grantedBy: by.userId,
      },
    ]);
    if (outcome?.entry && outcome.result !== "key-reused") return outcome.entry;
    throw new ComputeError(
      "idempotency_key_reused",
      `The idempotency key ${idempotencyKey} was used for another grant. Use a new key for a new grant.`,
    );
  }

  /**
   * Refuses jobs for hosted pools that could not start even if everything that is set aside now came back. Credit is set
   * aside when a job is handed to a node, not here. Throws ComputeError `credit_exhausted`.
   */
  async checkSubmit(by: AccountHolder, manifests: readonly JobManifest[]): Promise<void> {
    const billed = manifests.flatMap((manifest) => {
      const bill = billFor(this.parts.pricing, manifest);
      return bill ? [{ manifest, needed: costMicroUsd(bill, coverOf(manifest).coverMs) }] : [];
    });
    if (billed.length === 0) return;
    const account = await this.balance(by);
    const available = availableOf(account);
    const short = billed.find(({ needed }) => needed > available + account.reservedMicroUsd);
    if (!short) return;
    const { manifest, needed } = short;
    const { timeoutSeconds, pool } = manifest;
    const window = timeoutSeconds === undefined ? "its first hour (it has no timeoutSeconds)" : "its time";
    throw new ComputeError(
      "credit_exhausted",
      `A job for the hosted pool ${pool} needs ${formatUsd(needed)} of credit for ${window}, and ` +
        `${formatUsd(available)} is left. The next month brings ${formatUsd(MONTHLY_GRANT_MICRO_USD)}; ` +
        "your own nodes cost nothing.",
    );
  }

  /** What the job would cost; undefined if its pool is free. */
  async estimate(by: AccountHolder, manifest: JobManifest): Promise<CostEstimate | undefined> {
    const bill = billFor(this.parts.pricing, manifest);
    if (!bill) return undefined;
    return {
      sku: bill.sku,
      hourMicroUsd: costMicroUsd(bill, HOUR_MS),
      reserveMicroUsd: costMicroUsd(bill, coverOf(manifest).coverMs),
      availableMicroUsd: availableOf(await this.balance(by)),
    };
  }

  /** What each job has cost so far, in order; undefined for jobs in free pools. */
  async costsOf(
    businessId: string,
    jobs: readonly { jobId: string; manifest: JobManifest }[],
  ): Promise<(number | undefined)[]> {
    const { credits, pricing } = this.parts;
    // Includes pools that were hosted once: the cost of their jobs stays known.
    const maybe = jobs.filter(({ manifest }) => pricing.has(manifest.pool) || manifest.pool !== "default");
    if (maybe.length === 0) return jobs.map(() => undefined);
    const costs = await credits.costs(
      businessId,
      maybe.map((job) => job.jobId),
    );
    return jobs.map((job) => costs.get(job.jobId) ?? (pricing.has(job.manifest.pool) ? 0 : undefined));
  }
}
