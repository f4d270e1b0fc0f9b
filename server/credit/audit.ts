import type { AccountAudit } from "./credit-store.ts";

/** What a balance says, or what many entries or reservations of one account add up to. */
export interface AccountSums {
  businessId: string;
  userId: string;
  available: number;
  reserved: number;
}

/** Puts side by side what each account has; one that has only a part of it is found too. */
export function auditOf(
  balances: readonly AccountSums[],
  ledger: readonly AccountSums[],
  reservations: readonly AccountSums[],
): AccountAudit[] {
  const audits = new Map<string, AccountAudit>();
  const of = ({ businessId, userId }: AccountSums): AccountAudit => {
    const key = `${businessId}/${userId}`;
    const known = audits.get(key);
    if (known) return known;
    const nothing = { availableMicroUsd: 0, reservedMicroUsd: 0, reservationsMicroUsd: 0 };
    const made = { businessId, userId, ...nothing, ledgerAvailableMicroUsd: 0, ledgerReservedMicroUsd: 0 };
    audits.set(key, made);
    return made;
  };
  for (const one of balances)
    Object.assign(of(one), { availableMicroUsd: one.available, reservedMicroUsd: one.reserved });
  for (const one of ledger) {
    const sums = { ledgerAvailableMicroUsd: one.available, ledgerReservedMicroUsd: one.reserved };
    Object.assign(of(one), sums);
  }
  for (const one of reservations) Object.assign(of(one), { reservationsMicroUsd: one.reserved });
  return [...audits.values()];
}
