import type { CreditEntryKind } from "../../shared/credit.ts";
import type { Bill } from "./pricing.ts";

/** What a user has in a business. Amounts are whole micro-dollars, none ever below zero. */
export interface Account {
  businessId: string;
  userId: string;
  /** The month, as `2026-03` by UTC, whose grant was given last. */
  month: string;
  /** The rest of that grant. Spent first; ends with its month. */
  monthlyMicroUsd: number;
  /** The rest of all other grants. */
  lastingMicroUsd: number;
  /** Set aside for executions that have not ended: the sum of its reservations. */
  reservedMicroUsd: number;
}

/** What is set aside for one execution. It goes when the execution is settled. */
export interface Reservation {
  executionId: string;
  businessId: string;
  userId: string;
  jobId: string;
  nodeId: string;
  bill: Bill;
  /** How long the execution may run for what is set aside, and how long it may run at all. */
  coveredMs: number;
  maxCoverMs: number;
  /** The month whose grant `monthlyMicroUsd` was taken from. */
  month: string;
  /** From grants of earlier months: what is not used of it ends. */
  expiredMicroUsd: number;
  monthlyMicroUsd: number;
  lastingMicroUsd: number;
}

/** One line of the ledger; see `creditEntry` in shared. */
export interface LedgerRecord {
  entryId: string;
  businessId: string;
  userId: string;
  /** At most one entry of a business has it: whatever is asked for again changes nothing. As `settle:exe_…`. */
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

/** Something that happens to one account. Each begins with the grant of a new month, where one is due. */
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
  /** Sets aside what is missing to run for `coverMs`; as much of it as can be had, where that is worth it. */
  | { kind: "extend"; executionId: string; coverMs: number }
  /** Takes what running for `runMs` costs, and gives back the rest; 0 gives back all. */
  | { kind: "settle"; executionId: string; runMs: number }
);

/**
 * `posted`: done, and in the ledger. `repeated`: it had been done before, nothing changed. `refused`: there is too
 * little credit. `closed`: nothing is set aside for the execution, or it was settled before. `key-reused`: another
 * grant has this key.
 */
export interface CreditOutcome {
  result: "posted" | "repeated" | "refused" | "closed" | "key-reused";
  account: Account;
  /** Of a grant: its entry. */
  entry: LedgerRecord | undefined;
  /** Of `reserve` and `extend`: what is needed in all for what was asked. */
  neededMicroUsd: number | undefined;
}

export interface LedgerQuery {
  businessId: string;
  userId: string;
  sinceMs: number | undefined;
  beforeEntryId: string | undefined;
  limit: number;
}

/** One account beside what its ledger and its reservations add up to. */
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
 * Where credit is kept: balances, what is set aside, and a ledger to which entries are only ever added. Every operation
 * is safe to call from many places at once, and again; what it resolves with is on disk. At any time what is available
 * is the sum of the ledger. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface CreditStore {
  /** Carries out each by `postOperation`, with all its entries or not at all. One outcome each, in order. */
  post(operations: readonly CreditOperation[]): Promise<CreditOutcome[]>;
  /** Newest first. */
  ledger(query: LedgerQuery): Promise<LedgerRecord[]>;
  /** What the executions of these jobs cost that have been settled; jobs without one are left out. */
  costs(businessId: string, jobIds: readonly string[]): Promise<Map<string, number>>;
  /** What is set aside, over all businesses, by execution id. */
  reservations(afterExecutionId: string, limit: number): Promise<Reservation[]>;
  /** Every account with what its ledger and reservations add up to, all at one moment. */
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

/** Whether balance, ledger and reservations agree, and nothing is below zero. */
export function isSound(audit: AccountAudit): boolean {
  return (
    audit.availableMicroUsd >= 0 &&
    audit.reservedMicroUsd >= 0 &&
    audit.availableMicroUsd === audit.ledgerAvailableMicroUsd &&
    audit.reservedMicroUsd === audit.ledgerReservedMicroUsd &&
    audit.reservedMicroUsd === audit.reservationsMicroUsd
  );
}
