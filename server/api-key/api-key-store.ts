import type { Role } from "../../shared/auth.ts";
import type { JobType } from "../../shared/job-fields.ts";
import type { KeyLimits } from "../auth/key-limits.ts";

/** A person's API key. Times are epoch milliseconds. */
export interface ApiKeyRecord extends KeyLimits {
  apiKeyId: string;
  businessId: string;
  userId: string;
  /** A session of its own, so whatever ends the sessions of its person in the business ends the key too. */
  sessionId: string;
  name: string;
  /** bcrypt of its secret. */
  keyHash: string;
  /** The most it may do. */
  role: Role;
  readOnly: boolean;
  allowedJobTypes?: readonly JobType[] | undefined;
  createdAtMs: number;
  expiresAtMs?: number | undefined;
  revokedAtMs?: number | undefined;
  /** To the minute. */
  lastUsedAtMs?: number | undefined;
}

export interface ApiKeyListQuery {
  businessId: string;
  /** Absent: everybody's. */
  userId: string | undefined;
  /** Only keys older than this one. */
  before: Pick<ApiKeyRecord, "createdAtMs" | "apiKeyId"> | undefined;
  limit: number;
}

/** `name-taken`: another key of the person has the name. `full`: the person has the most keys already. */
export type CreateKeyOutcome = "created" | "id-taken" | "name-taken" | "full";

/**
 * Stores API keys. How much of their limits is used is kept by `JobStore.insertWithin`, in the write that makes the jobs.
 * Every operation is safe to call from several servers at the same time, and its result is on disk when it resolves. Keys
 * that were revoked stay for the jobs that name them, but give up their names. Rejects with ComputeError `storage_failed`
 * when the store refuses.
 */
export interface ApiKeyStore {
  /** Concurrent calls never give a person more than `maxKeys` that are not revoked. */
  create(key: ApiKeyRecord, maxKeys: number): Promise<CreateKeyOutcome>;
  /** Of any business. Every request with a key asks this, so it reads one row by its key. */
  find(apiKeyId: string): Promise<ApiKeyRecord | undefined>;
  /** Those that were not revoked, the newest first. */
  list(query: ApiKeyListQuery): Promise<ApiKeyRecord[]>;
  /** Resolves with whether it was not revoked before. */
  revoke(apiKeyId: string, nowMs: number): Promise<boolean>;
  /** Notes that it was used; an earlier time than the known one changes nothing. */
  touch(apiKeyId: string, nowMs: number): Promise<void>;
}
