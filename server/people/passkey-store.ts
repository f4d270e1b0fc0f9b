/** A passkey of a person (WebAuthn Level 3). Times are epoch milliseconds. */
export interface PasskeyRecord {
  /** The credential id, in base64url. */
  passkeyId: string;
  userId: string;
  /** The host name that the passkey is bound to. */
  rpId: string;
  /** In COSE form. */
  publicKey: Uint8Array;
  /** What the authenticator last counted; 0 if it does not count. */
  counter: number;
  transports: readonly string[];
  name: string;
  createdAtMs: number;
  lastUsedAtMs: number | undefined;
}

/**
 * Stores passkeys. Every operation is safe to call from several servers at the same time, and its result is on disk when it
 * resolves. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface PasskeyStore {
  /** Resolves with whether no other passkey has the id. */
  add(passkey: PasskeyRecord): Promise<boolean>;
  find(passkeyId: string): Promise<PasskeyRecord | undefined>;
  /** From the oldest. */
  ofPerson(userId: string): Promise<PasskeyRecord[]>;
  /** Resolves with whether the passkey still had the counter `before`: of two who answer with one count, one gets true. */
  use(passkeyId: string, counter: { before: number; after: number }, nowMs: number): Promise<boolean>;
  /** Resolves with whether the person had it. */
  remove(userId: string, passkeyId: string): Promise<boolean>;
  /** Whether anybody on this server has a passkey. */
  hasAny(): Promise<boolean>;
}
