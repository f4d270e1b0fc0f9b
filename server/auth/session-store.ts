import type { Identity, Role } from "../../shared/auth.ts";

/** A sign-in. Only the generation of its refresh token is stored, not the token. */
export interface SessionRecord extends Identity {
  /** The OAuth client that signed the person in; undefined: the command line on the server's own machine. */
  clientId: string | undefined;
  generation: number;
  /** When the generation last changed. Epoch milliseconds, like every time here. */
  rotatedAtMs: number;
  revokedAtMs: number | undefined;
  createdAtMs: number;
}

export interface NewSession {
  sessionId: string;
  userName: string;
  businessName: string;
  /** The role that a user who is new in the business gets. */
  role: Role;
  nowMs: number;
}

/** A sign-in of somebody who already is a member. */
export interface OpenedSession {
  sessionId: string;
  userId: string;
  businessId: string;
  clientId: string;
  nowMs: number;
}

/** As long as the output of HMAC with SHA-256; a longer key adds nothing. */
export const SECRET_BYTES = 32;

/** Sets no limit on the age of a session. */
export const ANY_AGE = { rotatedAtMs: 0, createdAtMs: 0 };

/** A user of a business. */
export type Member = Pick<Identity, "userId" | "userName" | "role">;

/**
 * Stores users, businesses, sessions and signing keys. Every operation is safe to call from several servers at the same
 * time, and its result is on disk when it resolves. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface SessionStore {
  /** Creates a session, and the user, the business and the membership if they are missing. */
  create(session: NewSession): Promise<SessionRecord>;
  /** Creates a session of a person in a business; undefined if they are not a member of it. Throws if the id is taken. */
  open(session: OpenedSession): Promise<SessionRecord | undefined>;
  find(sessionId: string): Promise<SessionRecord | undefined>;
  /** Whether the session exists and was not revoked. Every request of a node asks this, so it reads only one row. */
  isLive(sessionId: string): Promise<boolean>;
  /**
   * The person's current role in the business of the session. Undefined if the session was revoked, or the person is no
   * longer a member. Every request of a person asks this, so it reads only two rows by their keys.
   */
  liveRole(session: Pick<Identity, "sessionId" | "businessId" | "userId">): Promise<Role | undefined>;
  /** The ids of the sessions of a person in a business that were not revoked. */
  liveOf(businessId: string, userId: string): Promise<string[]>;
  /** The member of the business with this name, or else with this id. */
  findMember(businessId: string, nameOrId: string): Promise<Member | undefined>;
  /**
   * Increments the generation if `generation` is still the current one, the session was not revoked, and its last
   * rotation and its creation are not before `since`. Resolves with whether it did.
   */
  rotate(
    sessionId: string,
    generation: number,
    nowMs: number,
    since?: Pick<SessionRecord, "rotatedAtMs" | "createdAtMs">,
  ): Promise<boolean>;
  revoke(sessionId: string, nowMs: number): Promise<void>;
  /** The random key of this name, SECRET_BYTES long. It is made once and shared by all servers of the store. */
  secret(name: string): Promise<Uint8Array>;
  /** Seals every random key with the first key of the server's key file. May be repeated, and run by many servers. */
  resealSecrets(): Promise<void>;
}
