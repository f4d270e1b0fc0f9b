import { createHmac } from "node:crypto";
import type { AuditEntry, AuditEvent } from "../../shared/audit.ts";
import { isSameText } from "../auth/bearer-secret.ts";
import type { AuditHead, AuditRow } from "./audit-store.ts";

/** The hash before the first entry. */
export const FIRST_HASH = "0".repeat(64);

/** Each event as the next entry of the chain after `head`, and the head after the last of them. */
export function extend(
  head: AuditHead | undefined,
  businessId: string,
  events: readonly { event: AuditEvent; atMs: number }[],
  key: Uint8Array,
): { rows: AuditRow[]; head: AuditHead } {
  let { seq, hash } = head ?? { seq: 0, hash: FIRST_HASH };
  const rows = events.map(({ event, atMs }) => {
    seq++;
    const entry = JSON.stringify({ seq, at: new Date(atMs).toISOString(), previousHash: hash, ...event });
    hash = hashOf(entry);
    return { businessId, seq, atMs, event: event.event, userId: event.actor.userId, entry, hash };
  });
  const { baseSeq = 0, baseHash = FIRST_HASH } = head ?? {};
  return { rows, head: sealed({ businessId, seq, hash, baseSeq, baseHash }, key) };
}

/** The head after every entry up to `last` was removed. */
export function shorten(head: AuditHead, last: Pick<AuditRow, "seq" | "hash">, key: Uint8Array): AuditHead {
  return sealed({ ...head, baseSeq: last.seq, baseHash: last.hash }, key);
}

export function hashOf(entry: string): string {
  return Bun.SHA256.hash(entry, "hex");
}

export function isSealed(head: AuditHead, key: Uint8Array): boolean {
  return isSameText(head.seal, sealOf(head, key));
}

/** An entry as it is shown. */
export function entryOf({ entry, hash }: AuditRow): AuditEntry {
  return { ...(JSON.parse(entry) as Omit<AuditEntry, "hash">), hash };
}

function sealed(head: Omit<AuditHead, "seal">, key: Uint8Array): AuditHead {
  return { ...head, seal: sealOf(head, key) };
}

function sealOf(
  { businessId, seq, hash, baseSeq, baseHash }: Omit<AuditHead, "seal">,
  key: Uint8Array,
): string {
  const text = [businessId, seq, hash, baseSeq, baseHash].join("\n");
  return createHmac("sha256", key).update(text).digest("hex");
}
