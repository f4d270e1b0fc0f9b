/** An entry as it is stored. `entry` is the exact text that the hash covers, so that any store keeps the hash right. */
export interface AuditRow {
  businessId: string;
  seq: number;
  /** Epoch milliseconds. */
  atMs: number;
  event: string;
  /** Who did it, if a person did. */
  userId: string | undefined;
  /** JSON of an AuditEntry without its hashes. */
  entry: string;
  hash: string;
}

/** The ends of a chain. */
export interface AuditHead {
  businessId: string;
  /** Of the newest entry. */
  seq: number;
  hash: string;
  /** Of the last entry that was removed because of its age; 0 and the first hash: none was. */
  baseSeq: number;
  baseHash: string;
  /** A MAC of everything above, which nobody can make who only has the store. */
  seal: string;
}

export interface AuditQuery {
  businessId: string;
  /** Only entries before this one. */
  beforeSeq: number | undefined;
  sinceMs: number | undefined;
  untilMs: number | undefined;
  event: string | undefined;
  userId: string | undefined;
  limit: number;
}

/**
 * Stores the audit log: one chain of entries for each business. Every operation is safe to call from several servers at
 * the same time, and its result is on disk when it resolves. Rejects with ComputeError `storage_failed` when the store
 * refuses.
 */
export interface AuditStore {
  head(businessId: string): Promise<AuditHead | undefined>;
  /**
   * Adds rows, and replaces the head. Resolves with false, and changes nothing, if the head is not `before` any more.
   */
  append(before: AuditHead | undefined, rows: readonly AuditRow[], head: AuditHead): Promise<boolean>;
  /** Removes the entries up to `head.baseSeq`, and replaces the head, under the same condition. */
  cut(before: AuditHead, head: AuditHead): Promise<boolean>;
  /** Newest first. */
  list(query: AuditQuery): Promise<AuditRow[]>;
  /** Oldest first, after `afterSeq`. */
  chain(businessId: string, afterSeq: number, limit: number): Promise<AuditRow[]>;
  /** By business, after `afterBusinessId`. */
  heads(afterBusinessId: string | undefined, limit: number): Promise<AuditHead[]>;
}
