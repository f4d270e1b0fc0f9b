import type { AuditHead, AuditRow, AuditStore } from "./audit-store.ts";
import { entryOf, hashOf, isSealed } from "./chain.ts";

const ROWS_AT_ONCE = 1_000;
const HEADS_AT_ONCE = 500;

export interface BrokenChain {
  businessId: string;
  /** The first entry that is wrong; undefined: the head is. */
  seq: number | undefined;
  why: string;
}

/**
 * Follows every chain from its first entry to its head. Finds entries that were changed, removed or added by anybody who
 * has the store but not the key.
 *
 * @param key resolves with the key of the seals; undefined: it is not known here, and the seals are not checked.
 */
export async function checkChains(
  store: Pick<AuditStore, "heads" | "chain">,
  key: Uint8Array | undefined,
  maxBroken: number,
): Promise<{ entries: number; broken: BrokenChain[] }> {
  const broken: BrokenChain[] = [];
  let entries = 0;
  let after: string | undefined;
  for (;;) {
    const heads = await store.heads(after, HEADS_AT_ONCE);
    for (const head of heads) {
      const result = await follow(store, head);
      entries += result.entries;
      const why = result.why ?? sealFault(head, key);
      if (why && broken.length < maxBroken) broken.push({ businessId: head.businessId, ...why });
    }
    after = heads.at(-1)?.businessId;
    if (heads.length < HEADS_AT_ONCE) return { entries, broken };
  }
}

type Why = Omit<BrokenChain, "businessId">;

async function follow(
  store: Pick<AuditStore, "chain">,
  head: AuditHead,
): Promise<{ entries: number; why?: Why }> {
  let { baseSeq: seq, baseHash: hash } = head;
  for (;;) {
    const rows = await store.chain(head.businessId, seq, ROWS_AT_ONCE);
    for (const row of rows) {
      const why = faultOf(row, seq, hash);
      if (why !== undefined) return { entries: seq - head.baseSeq, why: { seq: seq + 1, why } };
      seq = row.seq;
      hash = row.hash;
    }
    if (rows.length < ROWS_AT_ONCE) break;
  }
  const entries = seq - head.baseSeq;
  if (seq === head.seq && hash === head.hash) return { entries };
  const missing = head.seq - seq;
  const why =
    missing > 0 ? `the newest ${missing} entries are missing` : "it is newer than the end of the chain";
  return { entries, why: { seq: Math.min(seq, head.seq) + 1, why } };
}

function faultOf(row: AuditRow, previousSeq: number, previousHash: string): string | undefined {
  if (row.seq !== previousSeq + 1) return "it is missing";
  if (row.hash !== hashOf(row.entry)) return "it was changed";
  const entry = entryOf(row);
  if (entry.previousHash !== previousHash) return "the one before it was changed or replaced";
  const isFoundRight =
    entry.seq === row.seq &&
    entry.event === row.event &&
    Date.parse(entry.at) === row.atMs &&
    entry.actor.userId === row.userId;
  return isFoundRight ? undefined : "the columns it is found by were changed";
}

function sealFault(head: AuditHead, key: Uint8Array | undefined): Why | undefined {
  if (key === undefined || isSealed(head, key)) return undefined;
  return { seq: undefined, why: "the end of the chain was not written by a server of this store" };
}
