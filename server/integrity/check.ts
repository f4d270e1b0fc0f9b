import { formatUsd } from "../../shared/money.ts";
import { type AccountAudit, type CreditStore, isSound } from "../credit/credit-store.ts";
import type { Fault, IntegrityStore, StoreCounts } from "./integrity-store.ts";

/** One rule that must hold for everything in the store. */
export interface RuleReport {
  /** As a sentence. */
  rule: string;
  holds: boolean;
  /** Some of what breaks it. */
  faults: Fault[];
}

export interface CheckReport {
  holds: boolean;
  counts: StoreCounts & { accounts: number };
  rules: RuleReport[];
}

const MAX_FAULTS = 20;

/** Proves the promises that can be seen in a store. Changes nothing. */
export async function checkStore(stores: {
  integrity: IntegrityStore;
  credits: CreditStore;
}): Promise<CheckReport> {
  const { integrity, credits } = stores;
  const audits = await credits.audit();
  const unsound = audits.filter((audit) => !isSound(audit)).slice(0, MAX_FAULTS);
  const rules: RuleReport[] = [
    ruleOf(
      "every job that is assigned or running has its current execution",
      await integrity.jobsWithoutExecution(MAX_FAULTS),
    ),
    ruleOf(
      "every live execution is the current one of its job",
      await integrity.executionsWithoutJob(MAX_FAULTS),
    ),
    ruleOf("no job is executed twice at once", await integrity.jobsLiveTwice(MAX_FAULTS)),
    ruleOf(
      "every balance is the sum of its ledger, and what is reserved the sum of what is set aside; none is below zero",
      unsound.map(faultOf),
    ),
    ruleOf("no execution is settled before it ends", await integrity.settledButLive(MAX_FAULTS)),
  ];
  const counts = { ...(await integrity.counts()), accounts: audits.length };
  return { holds: rules.every((rule) => rule.holds), counts, rules };
}

function ruleOf(rule: string, faults: Fault[]): RuleReport {
  return { rule, holds: faults.length === 0, faults };
}

function faultOf(audit: AccountAudit): Fault {
  const { availableMicroUsd, ledgerAvailableMicroUsd, reservedMicroUsd, ledgerReservedMicroUsd } = audit;
  return {
    id: `${audit.businessId}/${audit.userId}`,
    detail:
      `${formatUsd(availableMicroUsd)} is available and ${formatUsd(reservedMicroUsd)} reserved; by the ledger ` +
      `${formatUsd(ledgerAvailableMicroUsd)} and ${formatUsd(ledgerReservedMicroUsd)}; ` +
      `${formatUsd(audit.reservationsMicroUsd)} is set aside`,
  };
}
