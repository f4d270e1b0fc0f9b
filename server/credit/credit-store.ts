import type { CreditEntryKind } from "../../shared/credit.ts";
import type { Bill } from "./pricing.ts";

/** What a user has in a business. Amounts are whole micro-dollars, never negative. */
export interface Account {
  businessId: string;
  userId: string;
  /** The month of the last monthly grant, in UTC, such as `2026-03`. */
  month: string;
  /** The rest of that grant. It is spent first, and expires with its month. */
  monthlyMicroUsd: number;
  /** The rest of all other grants. */
  lastingMicroUsd: number;
  /** Set aside for executions that have not ended: the sum of the reservations. */
  reservedMicroUsd: number;
}

/** Credit set aside for one execution, until the execution is settled. */
export interface Reservation {
  executionId: string;
  businessId: string;
  userId: string;
  jobId: string;
  nodeId: string;
  bill: Bill;
  /** How long the execution may run with this credit. */
  coveredMs: number;
  /** How long the execution may run at all. */
  maxCoverMs: number;
  /** The month whose grant `monthlyMicroUsd` was taken from. */
  month: string;
  /** From grants of earlier months. The unused part expires with the settlement. */
  expiredMicroUsd: number;
  /** From the grant of `month`. */
  monthlyMicroUsd: number;
  /** From other grants. */
  lastingMicroUsd: number;
}

/** One line of the ledger; see `creditEntry` in `shared/credit.ts`. */
export interface LedgerRecord {
  entryId: string;
  businessId: string;
  userId: string;
  /** Unique in the business, such as `settle:exe_…`: a repeated operation changes nothing. */
  key: string;
  kind: CreditEntryKind;
  amountMicroUsd: number;
  reservedMicroUsd: number;
  balanceMicroUsd: number;
  costMicroUsd: number | undefined;
  jobId: string | undefined;
  executionId: string | undefined;
  reason: string | undefined;
  grantedBy: string | undefined;
  createdAtMs: number;
}

/** An operation on one account. Each operation first gives the grant of a new month, if it is due. */
export type CreditOperation = { businessId: string; userId: string; nowMs: number } & (
  | { kind: "grantMonthly" }
  | { kind: "grant"; key: string; amountMicroUsd: number; reason: string; grantedBy: string }
  | {
      kind: "reserve";
      executionId: string;
      jobId: string;
      nodeId: string;
      bill: Bill;
      coverMs: number;
      maxCoverMs: number;
    }
  /** Sets aside what is missing to run for `coverMs`, or as much of it as there is, if that lasts a minute or more. */
  | { kind: "extend"; executionId: string; coverMs: number }
  /** Takes what running for `runMs` costs, and releases the rest. With 0, it releases everything. */
  | { kind: "settle"; executionId: string; runMs: number }
);

/**
 * `posted`: done, and in the ledger. `repeated`: it was done before; nothing changed. `refused`: there is too little
 * credit. `closed`: the execution has no reservation, or is already settled. `key-reused`: another grant has this key.
 * Except for `posted`, the only entries written are those of a new month.
 */
export interface CreditOutcome {
  result: "posted" | "repeated" | "refused" | "closed" | "key-reused";
  account: Account;
  /** The entry of a grant. */
  entry: LedgerRecord | undefined;
  /** For `reserve` and `extend`: the total that the requested time costs. */
  neededMicroUsd: number | undefined;
}

export interface LedgerQuery {
  businessId: string;
  userId: string;
  sinceMs: number | undefined;
  beforeEntryId: string | undefined;
  limit: number;
}

/** One account, and the sums of its ledger and of its reservations. */
export interface AccountAudit {
  businessId: string;
  userId: string;
  availableMicroUsd: number;
  reservedMicroUsd: number;
  ledgerAvailableMicroUsd: number;
  ledgerReservedMicroUsd: number;
  reservationsMicroUsd: number;
}

/**
 * Stores credit: balances, reservations, and a ledger to which entries are only added. Every operation is safe to call
 * concurrently and to repeat, and what it resolves with is on disk. At any time the available credit is the sum of the
 * ledger. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface CreditStore {
  /** Carries out each operation with `postOperation`: all its entries or none. Resolves with one outcome each, in order. */
  post(operations: readonly CreditOperation[]): Promise<CreditOutcome[]>;
  /** Newest first. */
  ledger(query: LedgerQuery): Promise<LedgerRecord[]>;
  /** The cost of each job: the sum of its settled executions. Jobs without a settled execution are left out. */
  costs(businessId: string, jobIds: readonly string[]): Promise<Map<string, number>>;
  /** The reservations of all businesses, in the order of their execution ids, after `afterExecutionId`. */
  reservations(afterExecutionId: string, limit: number): Promise<Reservation[]>;
  /** Every account with the sums of its ledger and reservations, all read at one moment. */
  audit(): Promise<AccountAudit[]>;
}

export function availableOf(account: Pick<Account, "monthlyMicroUsd" | "lastingMicroUsd">): number {
  return account.monthlyMicroUsd + account.lastingMicroUsd;
}

export function reservedOf(
  reservation: Pick<Reservation, "expiredMicroUsd" | "monthlyMicroUsd" | "lastingMicroUsd">,
): number {
  return reservation.expiredMicroUsd + reservation.monthlyMicroUsd + reservation.lastingMicroUsd;
}

/** Whether balance, ledger and reservations agree, and nothing is negative. */
export function isSound(audit: AccountAudit): boolean {
  return (
    audit.availableMicroUsd >= 0 &&
    audit.reservedMicroUsd >= 0 &&
    audit.availableMicroUsd === audit.ledgerAvailableMicroUsd &&
    audit.reservedMicroUsd === audit.ledgerReservedMicroUsd &&
    audit.reservedMicroUsd === audit.reservationsMicroUsd
  );
}
