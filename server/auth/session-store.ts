import type { Identity, Role } from "../../shared/auth.ts";

/** A sign-in, as the server keeps it. Of the refresh token only its generation is stored. */
export interface SessionRecord extends Identity {
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
  /** The user's role in the business where it has none yet. */
  role: Role;
  nowMs: number;
}

/** As long as what HMAC with SHA-256 makes of it: a longer key adds nothing. */
export const SECRET_BYTES = 32;

/** However old a session is. */
export const ANY_AGE = { rotatedAtMs: 0, createdAtMs: 0 };

/** A user of a business. */
export type Member = Pick<Identity, "userId" | "userName" | "role">;

/**
 * Where users, businesses, sessions and signing keys are kept. Every operation is safe to call from many servers at
 * once; what it resolves with is on disk. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface SessionStore {
  /** Makes what is missing of user, business and membership, and a session over them. */
  create(session: NewSession): Promise<SessionRecord>;
  find(sessionId: string): Promise<SessionRecord | undefined>;
  /** Whether there is such a session and it was not revoked: asked for every request, so it reads one row only. */
  isLive(sessionId: string): Promise<boolean>;
  /** The user of the business who has this name, or else this id. */
  findMember(businessId: string, nameOrId: string): Promise<Member | undefined>;
  /**
   * Moves on from `generation` if that is still the current one, and the session was not revoked, has rotated and was
   * created no earlier than `since`; resolves with whether it did.
   */
  rotate(
    sessionId: string,
    generation: number,
    nowMs: number,
    since?: Pick<SessionRecord, "rotatedAtMs" | "createdAtMs">,
  ): Promise<boolean>;
  revoke(sessionId: string, nowMs: number): Promise<void>;
  /** The random key of this name, SECRET_BYTES long; made once, the same for every server that shares the store. */
  secret(name: string): Promise<Uint8Array>;
}
