/** A token with which machines register as nodes. Times are epoch milliseconds. */
export interface EnrolmentRecord {
  enrolmentId: string;
  businessId: string;
  /** The person who made it, to whom its nodes belong. */
  userId: string;
  secretHash: string;
  maxUses: number;
  used: number;
  /** What it grants to its nodes. */
  pool: string | undefined;
  labels: Readonly<Record<string, string>>;
  createdAtMs: number;
  expiresAtMs: number;
  lastUsedAtMs: number | undefined;
  revokedAtMs: number | undefined;
}

/** Whether a machine may register with the token at this time; how often it was used does not count. */
export function isValidAt({ expiresAtMs, revokedAtMs }: EnrolmentRecord, nowMs: number): boolean {
  return revokedAtMs === undefined && nowMs < expiresAtMs;
}

/**
 * Stores enrolment tokens. Every operation is safe to call from several servers at the same time, and its result is on
 * disk when it resolves. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface EnrolmentStore {
  insert(enrolment: EnrolmentRecord): Promise<void>;
  /** Finds an enrolment of any business: for authentication. */
  find(enrolmentId: string): Promise<EnrolmentRecord | undefined>;
  /** Newest first, before `beforeId`. */
  list(businessId: string, beforeId: string | undefined, limit: number): Promise<EnrolmentRecord[]>;
  /**
   * Counts one use by a machine. A use with the same key is counted once, however often it is repeated. Resolves with
   * false, and counts nothing, if the token is expired, revoked or used up.
   */
  use(enrolmentId: string, useKey: string, nowMs: number): Promise<boolean>;
  /** Resolves with the enrolment as it is then; undefined: the business has none with this id. Repeating changes nothing. */
  revoke(businessId: string, enrolmentId: string, nowMs: number): Promise<EnrolmentRecord | undefined>;
}
