import type { Role } from "../../shared/auth.ts";
import type { PersonRecord } from "../auth/person-store.ts";

/** Where a try to sign in comes from, for the limits on guessing and the audit log. */
export interface From {
  /** The address of the connected peer. */
  address: string | undefined;
  /** The `User-Agent` header. */
  agent: string | undefined;
}

/**
 * The ways in which a person proves who they are. Each throws ComputeError `unauthenticated`, with the same words and
 * after the same time whether the person exists or not, and `rate_limited` with `retryAfterSeconds` after too many tries.
 */
export interface SignInMethods {
  byPassword(email: string, password: string, from: From): Promise<PersonRecord>;
  /** Sends a code by mail if somebody has this address; says nothing about whether anybody has. Throws `unavailable` if the server has no mail. */
  requestCode(email: string, from: From): Promise<void>;
  byCode(email: string, code: string, from: From): Promise<PersonRecord>;
  /** Options for `navigator.credentials.get`, as JSON, and the id with which the answer comes back. */
  passkeyChallenge(origin: string): Promise<{ challengeId: string; options: object }>;
  byPasskey(challengeId: string, response: unknown, origin: string, from: From): Promise<PersonRecord>;
  /** Whether codes can be sent by mail. */
  readonly hasMail: boolean;
}

/** A person who is new on this server. */
export interface SignUp {
  /** Another person may have it; then the person gets it with a number at its end. */
  userName: string;
  email: string;
  /** Absent: the person adds a passkey next. */
  password?: string;
}

/** What people set about how they sign in. */
export interface SignInSettings {
  /** Throws `invalid_request` if a field is wrong or the password too weak, and `conflict` if somebody has the address. */
  signUp(person: SignUp): Promise<PersonRecord>;
  /** Whether anybody on this server can sign in from another machine: the first owner has set a password or a passkey. */
  anyoneCanSignIn(): Promise<boolean>;
  account(userId: string): Promise<{ person: PersonRecord; passkeys: readonly PasskeyFacts[] }>;
  /**
   * `current` is the password, or a code of `requestCode` from somebody who has forgotten it. Throws `forbidden` if the
   * person has a password and `current` is neither, `rate_limited` after too many wrong ones, and
   * `invalid_request` if `next` is too weak.
   */
  setPassword(userId: string, current: string | undefined, next: string): Promise<void>;
  /** Throws like `setPassword`, and `conflict` if somebody else has the address. */
  setEmail(userId: string, current: string | undefined, email: string): Promise<void>;
  passkeyOptions(userId: string, origin: string): Promise<{ challengeId: string; options: object }>;
  /** Throws `invalid_request` if the browser's answer is not right, and `conflict` if somebody has the passkey. */
  addPasskey(
    userId: string,
    passkey: { challengeId: string; response: unknown; name: string; origin: string },
  ): Promise<void>;
  passkeys(userId: string): Promise<readonly PasskeyFacts[]>;
  removePasskey(userId: string, passkeyId: string): Promise<boolean>;
}

export interface PasskeyFacts {
  passkeyId: string;
  name: string;
  createdAtMs: number;
  lastUsedAtMs: number | undefined;
}

/** What a page shows of an invitation. */
export interface InvitationFacts {
  businessName: string;
  role: Role;
  /** Whom it was sent to, if it was mailed; lower case. */
  email: string | undefined;
  /** The name of the person who invites. */
  invitedBy: string;
}

/** Invitations into a business, each with a link that is valid once. */
export interface Invitations {
  /** undefined: there is none with this token, or it was used, revoked or has expired. */
  find(token: string): Promise<InvitationFacts | undefined>;
  /** Makes the person a member and uses the invitation up. Resolves with whether it could still be used. */
  accept(token: string, userId: string): Promise<boolean>;
}
