import type { PeriodicTask } from "../tasks/periodic.ts";
import type { AuditHead, AuditStore } from "./audit-store.ts";
import { shorten } from "./chain.ts";

const EVERY_MS = 3_600_000;
const HEADS_AT_ONCE = 500;
/** One transaction removes at most this many entries. */
const ROWS_AT_ONCE = 1_000;

export interface CutParts {
  store: AuditStore;
  /** Seals the heads of the chains. */
  key: Uint8Array;
  /** How long entries are kept; undefined: forever. */
  keepMs: number | undefined;
  /** Whether this machine's clock can be trusted with a removal. */
  isClockSettled(nowMs: number): boolean;
}

/** `compute-audit`: removes entries that are too old, from the old end of each chain, whose head then says where it begins. */
export function auditCutTask({ store, key, keepMs, isClockSettled }: CutParts): PeriodicTask {
  const cutOne = async (head: AuditHead, beforeMs: number): Promise<void> => {
    const rows = await store.chain(head.businessId, head.baseSeq, ROWS_AT_ONCE);
    const young = rows.findIndex(({ atMs }) => atMs >= beforeMs);
    // The newest entry always stays: the chain goes on from it.
    const last = (young === -1 ? rows : rows.slice(0, young)).findLast(({ seq }) => seq < head.seq);
    if (!last) return;
    const shorter = shorten(head, last, key);
    // If the chain has grown meanwhile, the next run cuts it.
    if ((await store.cut(head, shorter)) && rows.length === ROWS_AT_ONCE) await cutOne(shorter, beforeMs);
  };
  return {
    name: "compute-audit",
    intervalMs: EVERY_MS,
    runsOn: "one",
    async runOnce(nowMs) {
      if (keepMs === undefined || !isClockSettled(nowMs)) return { nextDueAtMs: undefined };
      let after: string | undefined;
      for (;;) {
        const heads = await store.heads(after, HEADS_AT_ONCE);
        for (const head of heads) await cutOne(head, nowMs - keepMs);
        after = heads.at(-1)?.businessId;
        if (heads.length < HEADS_AT_ONCE) return { nextDueAtMs: undefined };
      }
    },
  };
}
