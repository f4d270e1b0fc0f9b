import { MONTHLY_GRANT_MICRO_USD } from "../../shared/credit.ts";
import { newId } from "../../shared/ids.ts";
import { formatUsd } from "../../shared/money.ts";
import {
  type Account,
  availableOf,
  type CreditOperation,
  type CreditOutcome,
  type LedgerRecord,
  type Reservation,
  reservedOf,
} from "./credit-store.ts";
import { affordableMs, costMicroUsd } from "./pricing.ts";

/** The stored state that decides an operation. */
export interface Page {
  account: Account | undefined;
  /** The reservation of the operation's execution. */
  reservation: Reservation | undefined;
  /** The existing entries with one of the keys from `keysOf`. */
  entries: ReadonlyMap<string, LedgerRecord>;
}

/** What the operation makes of it. Without entries, nothing has changed. */
export interface Posting {
  account: Account;
  /** The new reservation of the operation's execution. */
  reservation: Reservation | undefined;
  entries: LedgerRecord[];
  outcome: CreditOutcome;
}

/** An extension shorter than this is not worth setting aside, unless nothing more is asked for. */
const LEAST_EXTENSION_MS = 60_000;

/** Carries out one operation. Pure, except for the ids of the entries. */
export function postOperation(page: Page, operation: CreditOperation): Posting {
  const draft = new Draft(page, operation);
  draft.beginMonth();
  switch (operation.kind) {
    case "grantMonthly":
      return draft.done(draft.entries.length > 0 ? "posted" : "repeated");
    case "grant":
      return grant(draft, page, operation);
    case "reserve":
      return reserve(draft, page, operation);
    case "extend":
      return extend(draft, operation);
    case "settle":
      return settle(draft, page, operation);
  }
}

/** The keys of entries that show whether the operation was already carried out. */
export function keysOf(operation: CreditOperation): string[] {
  if (operation.kind === "grant") return [grantKey(operation)];
  if (operation.kind === "reserve" || operation.kind === "settle") return [settleKey(operation)];
  return [];
}

export function monthOf(nowMs: number): string {
  return new Date(nowMs).toISOString().slice(0, 7);
}

type Of<Kind extends CreditOperation["kind"]> = Extract<CreditOperation, { kind: Kind }>;

function grant(draft: Draft, page: Page, operation: Of<"grant">): Posting {
  const { amountMicroUsd, reason, grantedBy, userId } = operation;
  const earlier = page.entries.get(grantKey(operation));
  if (earlier) {
    const same =
      earlier.userId === userId && earlier.amountMicroUsd === amountMicroUsd && earlier.reason === reason;
    return draft.done(same ? "repeated" : "key-reused", { entry: earlier });
  }
  draft.account.lastingMicroUsd += amountMicroUsd;
  const entry = draft.write("GRANT", grantKey(operation), { amountMicroUsd, reason, grantedBy });
  return draft.done("posted", { entry });
}

function reserve(draft: Draft, page: Page, operation: Of<"reserve">): Posting {
  const { bill, coverMs, maxCoverMs, executionId, jobId, nodeId, businessId, userId } = operation;
  if (page.entries.has(settleKey(operation))) return draft.done("closed");
  if (draft.reservation) return draft.done("repeated");
  const neededMicroUsd = costMicroUsd(bill, coverMs);
  if (neededMicroUsd > availableOf(draft.account)) return draft.done("refused", { neededMicroUsd });
  draft.reservation = {
    executionId,
    businessId,
    userId,
    jobId,
    nodeId,
    bill,
    coveredMs: coverMs,
    maxCoverMs,
    month: draft.account.month,
    expiredMicroUsd: 0,
    monthlyMicroUsd: 0,
    lastingMicroUsd: 0,
  };
  draft.setAside(draft.reservation, neededMicroUsd, `reserve:${executionId}`);
  return draft.done("posted", { neededMicroUsd });
}

function extend(draft: Draft, operation: Of<"extend">): Posting {
  const { reservation } = draft;
  if (!reservation) return draft.done("closed");
  const wantedMs = Math.min(operation.coverMs, reservation.maxCoverMs);
  if (wantedMs <= reservation.coveredMs) return draft.done("repeated");
  const neededMicroUsd = costMicroUsd(reservation.bill, wantedMs);
  const affordable = affordableMs(reservation.bill, reservedOf(reservation) + availableOf(draft.account));
  const coverMs = Math.min(wantedMs, affordable ?? wantedMs);
  if (coverMs < Math.min(wantedMs, reservation.coveredMs + LEAST_EXTENSION_MS)) {
    return draft.done("refused", { neededMicroUsd });
  }
  const missing = Math.max(0, costMicroUsd(reservation.bill, coverMs) - reservedOf(reservation));
  draft.reservation = { ...reservation, coveredMs: coverMs };
  draft.setAside(draft.reservation, missing, `extend:${reservation.executionId}:${coverMs}`);
  return draft.done("posted", { neededMicroUsd });
}

function settle(draft: Draft, page: Page, operation: Of<"settle">): Posting {
  if (page.entries.has(settleKey(operation))) return draft.done("repeated");
  const { reservation, account } = draft;
  if (!reservation) return draft.done("closed");
  const cost = costMicroUsd(reservation.bill, operation.runMs);
  const used = takeFrom(reservation, cost);
  account.reservedMicroUsd -= used;
  // An execution may end after its reservation is used up. What the account cannot pay is not charged.
  const beyond = Math.min(cost - used, availableOf(account));
  takeFrom(account, beyond);
  const unpaid = cost - used - beyond;
  const of = { jobId: reservation.jobId, executionId: reservation.executionId };
  draft.write("SETTLE", settleKey(operation), {
    ...of,
    amountMicroUsd: negative(beyond),
    reservedMicroUsd: negative(used),
    costMicroUsd: used + beyond,
    reason:
      unpaid > 0
        ? `${formatUsd(unpaid)} more was used, but there was no credit left, so it is not charged.`
        : undefined,
  });
  const { expiredMicroUsd, monthlyMicroUsd, lastingMicroUsd } = reservation;
  if (expiredMicroUsd > 0) {
    account.reservedMicroUsd -= expiredMicroUsd;
    const reason = "Unused, and set aside from the grant of an earlier month.";
    draft.write("EXPIRE", `expire:${reservation.executionId}`, {
      ...of,
      reservedMicroUsd: -expiredMicroUsd,
      reason,
    });
  }
  const rest = monthlyMicroUsd + lastingMicroUsd;
  if (rest > 0) {
    account.reservedMicroUsd -= rest;
    account.monthlyMicroUsd += monthlyMicroUsd;
    account.lastingMicroUsd += lastingMicroUsd;
    draft.write("RELEASE", `release:${reservation.executionId}`, {
      ...of,
      amountMicroUsd: rest,
      reservedMicroUsd: -rest,
    });
  }
  draft.reservation = undefined;
  return draft.done("posted");
}

/** The account and the reservation while an operation changes them. */
class Draft {
  readonly account: Account;
  reservation: Reservation | undefined;
  readonly entries: LedgerRecord[] = [];

  constructor(
    page: Page,
    private readonly operation: CreditOperation,
  ) {
    const { businessId, userId } = operation;
    const nothing = { monthlyMicroUsd: 0, lastingMicroUsd: 0, reservedMicroUsd: 0 };
    this.account = { ...(page.account ?? { businessId, userId, month: "", ...nothing }) };
    this.reservation = page.reservation && { ...page.reservation };
  }

  /**
   * Once a month, expires the rest of the last grant and gives the new one. A server whose clock is behind changes
   * nothing.
   */
  beginMonth(): void {
    const { account, operation, reservation } = this;
    const month = monthOf(operation.nowMs);
    if (account.month < month) {
      const rest = account.monthlyMicroUsd;
      const ended = account.month;
      account.monthlyMicroUsd = 0;
      if (rest > 0) {
        const reason = `The unused rest of the grant for ${ended}.`;
        this.write("EXPIRE", `expire:${account.userId}:${ended}`, { amountMicroUsd: -rest, reason });
      }
      account.month = month;
      account.monthlyMicroUsd = MONTHLY_GRANT_MICRO_USD;
      const reason = `The grant for ${month}.`;
      const key = `month:${account.userId}:${month}`;
      this.write("MONTHLY_GRANT", key, { amountMicroUsd: MONTHLY_GRANT_MICRO_USD, reason });
    }
    if (reservation && reservation.month !== account.month) {
      reservation.expiredMicroUsd += reservation.monthlyMicroUsd;
      reservation.monthlyMicroUsd = 0;
      reservation.month = account.month;
    }
  }

  setAside(reservation: Reservation, microUsd: number, key: string): void {
    const { account } = this;
    const monthly = Math.min(microUsd, account.monthlyMicroUsd);
    takeFrom(account, microUsd);
    reservation.monthlyMicroUsd += monthly;
    reservation.lastingMicroUsd += microUsd - monthly;
    account.reservedMicroUsd += microUsd;
    const { jobId, executionId } = reservation;
    this.write("RESERVE", key, {
      jobId,
      executionId,
      amountMicroUsd: negative(microUsd),
      reservedMicroUsd: microUsd,
    });
  }

  write(kind: LedgerRecord["kind"], key: string, fields: Partial<LedgerRecord>): LedgerRecord {
    const { businessId, userId } = this.account;
    const entry: LedgerRecord = {
      entryId: newId("crd"),
      businessId,
      userId,
      key,
      kind,
      amountMicroUsd: 0,
      reservedMicroUsd: 0,
      costMicroUsd: undefined,
      jobId: undefined,
      executionId: undefined,
      reason: undefined,
      grantedBy: undefined,
      ...fields,
      balanceMicroUsd: availableOf(this.account),
      createdAtMs: this.operation.nowMs,
    };
    this.entries.push(entry);
    return entry;
  }

  done(result: CreditOutcome["result"], more: Partial<CreditOutcome> = {}): Posting {
    const { account, reservation, entries } = this;
    const outcome = { result, account, entry: undefined, neededMicroUsd: undefined, ...more };
    return { account, reservation, entries, outcome };
  }
}

/** Takes up to `microUsd`, starting with what expires first. Returns the amount taken. */
function takeFrom(
  purse: { expiredMicroUsd?: number; monthlyMicroUsd: number; lastingMicroUsd: number },
  microUsd: number,
): number {
  const expired = Math.min(microUsd, purse.expiredMicroUsd ?? 0);
  if (expired > 0) purse.expiredMicroUsd = (purse.expiredMicroUsd ?? 0) - expired;
  const monthly = Math.min(microUsd - expired, purse.monthlyMicroUsd);
  purse.monthlyMicroUsd -= monthly;
  const lasting = Math.min(microUsd - expired - monthly, purse.lastingMicroUsd);
  purse.lastingMicroUsd -= lasting;
  return expired + monthly + lasting;
}

/** The amount with the other sign. For 0 it is 0; `-0` would be stored and shown as "-0". */
function negative(amount: number): number {
  return 0 - amount;
}

function settleKey({ executionId }: { executionId: string }): string {
  return `settle:${executionId}`;
}

function grantKey({ key }: { key: string }): string {
  return `grant:${key}`;
}
