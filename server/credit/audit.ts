import type { AccountAudit } from "./credit-store.ts";

/** One account's balance, or the sum of its ledger entries or of its reservations. In micro-dollars. */
export interface AccountSums {
  businessId: string;
  userId: string;
  available: number;
  reserved: number;
}

/** Joins what each account has. An account that appears in only one of the lists is included. */
export function auditOf(
  balances: readonly AccountSums[],
  ledger: readonly AccountSums[],
  reservations: readonly AccountSums[],
): AccountAudit[] {
  const audits = new Map<string, AccountAudit>();
  const auditFor = ({ businessId, userId }: AccountSums): AccountAudit => {
    const key = `${businessId}/${userId}`;
    const audit = audits.get(key) ?? emptyAudit(businessId, userId);
    audits.set(key, audit);
    return audit;
  };
  for (const sums of balances) {
    const audit = auditFor(sums);
    audit.availableMicroUsd = sums.available;
    audit.reservedMicroUsd = sums.reserved;
  }
  for (const sums of ledger) {
    const audit = auditFor(sums);
    audit.ledgerAvailableMicroUsd = sums.available;
    audit.ledgerReservedMicroUsd = sums.reserved;
  }
  for (const sums of reservations) auditFor(sums).reservationsMicroUsd = sums.reserved;
  return [...audits.values()];
}

function emptyAudit(businessId: string, userId: string): AccountAudit {
  return {
    businessId,
    userId,
    availableMicroUsd: 0,
    reservedMicroUsd: 0,
    ledgerAvailableMicroUsd: 0,
    ledgerReservedMicroUsd: 0,
    reservationsMicroUsd: 0,
  };
}
