import type { Role } from "../../shared/auth.ts";

/** A person with an account on this server, whichever businesses they belong to. Times are epoch milliseconds. */
export interface PersonRecord {
  userId: string;
  userName: string;
  /** Lower case. People who only ever signed in on the server's own machine have none. */
  email?: string;
  /** As `Bun.password` writes it; absent: the person signs in in other ways. */
  passwordHash?: string;
  passwordSetAtMs?: number;
  createdAtMs: number;
}

export interface NewPerson {
  userId: string;
  userName: string;
  email: string | undefined;
  passwordHash: string | undefined;
  nowMs: number;
}

export interface BusinessRecord {
  businessId: string;
  businessName: string;
}

/** A person in a business. */
export interface MembershipRecord {
  businessId: string;
  businessName: string;
  userId: string;
  userName: string;
  email?: string;
  role: Role;
}

/** `last-owner`: the change would leave the business without an owner, so nothing was changed. */
export type MembershipOutcome = "changed" | "missing" | "last-owner";

/**
 * Stores people and the businesses they belong to. Every operation is safe to call from several servers at the same
 * time, and its result is on disk when it resolves. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface PersonStore {
  create(person: NewPerson): Promise<"created" | "name-taken" | "email-taken">;
  find(userId: string): Promise<PersonRecord | undefined>;
  /** @param email lower case. */
  findByEmail(email: string): Promise<PersonRecord | undefined>;
  /** Resolves with whether nobody else has the address. */
  setEmail(userId: string, email: string): Promise<boolean>;
  setPassword(userId: string, passwordHash: string, nowMs: number): Promise<void>;
  /** Whether anybody on this server has a password. */
  anyoneHasPassword(): Promise<boolean>;
  /** The business with this name, which is made if it is missing. */
  business(businessName: string, nowMs: number): Promise<BusinessRecord>;
  /** By the name of the business. */
  memberships(userId: string): Promise<MembershipRecord[]>;
  membership(businessId: string, userId: string): Promise<MembershipRecord | undefined>;
  /** By user id, after `afterUserId`. */
  members(businessId: string, afterUserId: string | undefined, limit: number): Promise<MembershipRecord[]>;
  /** Resolves with whether the person was not a member before; the role of a member stays. */
  join(businessId: string, userId: string, role: Role, nowMs: number): Promise<boolean>;
  /** Also in every session of the person in this business: the next request has the new role. */
  changeRole(businessId: string, userId: string, role: Role): Promise<MembershipOutcome>;
  /** Also revokes every session of the person in this business. */
  leave(businessId: string, userId: string, nowMs: number): Promise<MembershipOutcome>;
}
