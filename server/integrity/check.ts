import { formatUsd } from "../../shared/money.ts";
import type { AuditStore } from "../audit/audit-store.ts";
import { checkChains } from "../audit/check-chain.ts";
import type { Seal } from "../auth/seal.ts";
import type { BlobStore } from "../blob/blob-store.ts";
import { type AccountAudit, type CreditStore, isSound } from "../credit/credit-store.ts";
import { checkSecrets } from "../secret/check-secrets.ts";
import type { SecretStore } from "../secret/secret-store.ts";
import { checkFiles, type FilesCheckOptions, type FilesToCheck } from "./check-files.ts";
import type { Fault, IntegrityStore, StoreCounts } from "./integrity-store.ts";

/** One rule that everything in the store must obey. */
export interface RuleReport {
  /** A sentence. */
  rule: string;
  holds: boolean;
  /** Some of the violations. */
  faults: Fault[];
  /** Why this was not checked, which is no violation. */
  notChecked?: string;
}

export interface CheckReport {
  holds: boolean;
  counts: StoreCounts & {
    accounts: number;
    artifacts: number;
    packs: number;
    secrets: number;
    auditEntries: number;
  };
  rules: RuleReport[];
  /** Blobs whose content is lost, and that the store forgot. Only if asked for. */
  forgotten?: number | undefined;
}

const MAX_FAULTS = 20;

export interface ToCheck extends Pick<FilesToCheck, "artifacts"> {
  integrity: IntegrityStore;
  credits: CreditStore;
  audit: AuditStore;
  /** The key that seals the audit log; undefined if this program cannot have it. */
  auditKey(): Promise<Uint8Array | undefined>;
  secrets: SecretStore;
  seal: Seal;
}

/**
 * Checks the promises that can be seen in a store. Changes nothing, unless it shall forget lost content.
 *
 * @param deep reads all content of files.
 */
export async function checkStore(
  { integrity, credits, artifacts, audit, auditKey, ...sealedIn }: ToCheck,
  blobs: BlobStore,
  { deep, forgetLost }: Omit<FilesCheckOptions, "maxFaults">,
): Promise<CheckReport> {
  const { secrets, ...sealed } = await checkSealed(sealedIn);
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
      "every balance is the sum of its ledger, every reserved amount is the sum of its reservations, and none is below zero",
      unsound.map(faultOf),
    ),
    ruleOf("no execution is settled before it ends", await integrity.settledButLive(MAX_FAULTS)),
    ruleOf("every workflow run has its execution", await integrity.runsWithoutExecution(MAX_FAULTS)),
    { ...ruleOf("the key file opens every secret", sealed.faults), notChecked: sealed.notChecked },
  ];
  const chains = await checkAudit(audit, auditKey);
  rules.push(...chains.rules);
  const files = await checkFiles({ artifacts, blobs }, { deep, forgetLost, maxFaults: MAX_FAULTS });
  rules.push(ruleOf(`every artifact has all of its content${deep ? ", unchanged" : ""}`, files.faults));
  const own = {
    accounts: audits.length,
    artifacts: files.artifacts,
    packs: files.packs,
    secrets,
    auditEntries: chains.entries,
  };
  const counts = { ...(await integrity.counts()), ...own };
  return { holds: rules.every((rule) => rule.holds), counts, rules, forgotten: files.forgotten };
}

/** A chain without its key still shows what was changed inside, but not whether its end is genuine. */
async function checkAudit(audit: AuditStore, auditKey: ToCheck["auditKey"]) {
  const [first] = await audit.heads(undefined, 1);
  const key = first && (await auditKey());
  const { entries, broken } = await checkChains(audit, key, MAX_FAULTS);
  const faults = (ofSeal: boolean) =>
    broken
      .filter(({ seq }) => (seq === undefined) === ofSeal)
      .map(({ businessId, seq, why }) => ({
        id: seq === undefined ? businessId : `${businessId} entry ${seq}`,
        detail: why,
      }));
  const notChecked = first && !key ? "name the servers' key file with --secret-key-file" : undefined;
  return {
    entries,
    rules: [
      ruleOf("no entry of the audit log was changed, added or removed", faults(false)),
      { ...ruleOf("a server of this store wrote the end of each audit log", faults(true)), notChecked },
    ],
  };
}

/** Without a key file nothing can be opened, and the secrets are only counted. */
async function checkSealed({ secrets: store, seal }: { secrets: SecretStore; seal: Seal }) {
  const { secrets, closed } = await checkSecrets(store, seal, MAX_FAULTS);
  if (seal.keys().length === 0 && secrets > 0) {
    return { secrets, faults: [], notChecked: "name the servers' key file with --secret-key-file" };
  }
  const faults = closed.map(({ businessId, name, why }) => ({ id: `${businessId}/${name}`, detail: why }));
  return { secrets, faults, notChecked: undefined };
}

function ruleOf(rule: string, faults: Fault[]): RuleReport {
  return { rule, holds: faults.length === 0, faults };
}

function faultOf(audit: AccountAudit): Fault {
  const { availableMicroUsd, ledgerAvailableMicroUsd, reservedMicroUsd, ledgerReservedMicroUsd } = audit;
  return {
    id: `${audit.businessId}/${audit.userId}`,
    detail:
      `the balance has ${formatUsd(availableMicroUsd)} available and ${formatUsd(reservedMicroUsd)} reserved; ` +
      `the ledger has ${formatUsd(ledgerAvailableMicroUsd)} and ${formatUsd(ledgerReservedMicroUsd)}; ` +
      `the reservations add up to ${formatUsd(audit.reservationsMicroUsd)}`,
  };
}
