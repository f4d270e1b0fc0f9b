import type { IntoTrash } from "../trash/trash-store.ts";

/** What is known about a secret besides its value. Times are epoch milliseconds. */
export interface SecretRecord {
  businessId: string;
  name: string;
  /** 1 for the first value; each new value adds 1. */
  version: number;
  createdAtMs: number;
  /** When the value was last set. */
  updatedAtMs: number;
  /** Who set it. */
  userId: string;
  /** It no longer counts from this time on, and is removed; absent: it stays. */
  expiresAtMs?: number;
}

/** A secret with its value, encrypted with the data key of its business. */
export interface SealedSecret {
  businessId: string;
  name: string;
  sealed: Uint8Array;
}

/** The key that encrypts the values of one business, itself encrypted (wrapped) with the server's master key. */
export interface DataKey {
  businessId: string;
  /** Stays the same when the key is wrapped with another master key. */
  keyId: string;
  wrapped: Uint8Array;
}

export interface SecretChange extends SealedSecret {
  /** The data key that sealed the value. */
  keyId: string;
  userId: string;
  nowMs: number;
  expiresAtMs?: number | undefined;
  /** The most secrets the business may have. */
  maxSecrets: number;
}

/** `full`: the business has the most secrets already. `key-gone`: its data key is another one by now; nothing was set. */
export type SetOutcome = { kind: "set"; secret: SecretRecord } | { kind: "full" } | { kind: "key-gone" };

/** The place of a secret in the order of all secrets. */
export type SecretPlace = Pick<SealedSecret, "businessId" | "name">;

/**
 * Stores secrets. Values and data keys come and go only encrypted. Every operation is safe to call from several servers
 * at the same time, and its result is on disk when it resolves. A business sees only its own secrets. Rejects with
 * ComputeError `storage_failed` when the store refuses.
 */
export interface SecretStore {
  /**
   * Sets a value, and increments the version. Concurrent calls never exceed `maxSecrets`. An earlier value's time of
   * expiry does not apply to the new one.
   */
  set(change: SecretChange): Promise<SetOutcome>;
  /** By name, after `afterName`, without those that have expired at `nowMs`. */
  list(
    businessId: string,
    afterName: string | undefined,
    limit: number,
    nowMs: number,
  ): Promise<SecretRecord[]>;
  /** The names of these that a secret has at `nowMs`, in any order. Reads no values. */
  known(businessId: string, names: readonly string[], nowMs: number): Promise<string[]>;
  /** The secrets of these names that exist at `nowMs`, in any order. */
  find(businessId: string, names: readonly string[], nowMs: number): Promise<SealedSecret[]>;
  /**
   * Removes secrets, or moves them into the trash. Resolves with the names that existed. With the last secret of a
   * business, also in the trash, its data key is removed too.
   */
  remove(businessId: string, names: readonly string[], into?: IntoTrash): Promise<string[]>;
  /**
   * Removes secrets that have expired at `nowMs`, at most about `limit`, as `remove` does; one that was set again
   * meanwhile stays. Resolves with how many were removed.
   */
  removeExpired(nowMs: number, limit: number): Promise<number>;
  dataKey(businessId: string): Promise<DataKey | undefined>;
  /**
   * Removes a data key that no key file opens any more, and with it what it sealed, which can only be in the trash.
   * Changes nothing if the business has secrets or another data key by now. Resolves with whether it was removed.
   */
  removeLostKey(key: DataKey): Promise<boolean>;
  /** Stores the data key unless the business has one. Resolves with the stored one. */
  makeDataKey(fresh: DataKey): Promise<DataKey>;
  /** Replaces the wrapped form, without leaving a trace of it, if it is still this one. Resolves with whether it was. */
  rewrap(key: DataKey, wrapped: Uint8Array): Promise<boolean>;
  /** The data keys of all businesses, ordered by business, after `afterBusinessId`. */
  dataKeys(afterBusinessId: string | undefined, limit: number): Promise<DataKey[]>;
  /** The secrets of all businesses, ordered by business and name. */
  all(after: SecretPlace | undefined, limit: number): Promise<SealedSecret[]>;
}
