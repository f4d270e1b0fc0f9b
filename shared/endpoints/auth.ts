import { z } from "zod";
import { apiKeyId } from "../api-key.ts";
import { accountName, emailAddress, identity, MAX_PASSWORD_CHARS, role, tokenSet } from "../auth.ts";
import { idSchema } from "../id-schema.ts";
import { timestamp } from "../timestamp.ts";
import { defineEndpoints } from "./endpoint.ts";
import { authWire } from "./wire/auth.ts";

/** A business that a person belongs to. */
const ownBusiness = z.object({
  businessId: z.string(),
  businessName: z.string(),
  role,
  /** Whether the caller's access token is for it. */
  isCurrent: z.boolean(),
});

const sessionId = idSchema("ses");

/** A browser or a program in which a person is signed in. */
const ownSession = z.object({
  sessionId,
  kind: z.enum(["browser", "program"]),
  /** What people call it: "Firefox on Linux", or the name of a program. */
  name: z.string(),
  /** The address it signed in from; of programs that is in the audit log. */
  from: z.string().optional(),
  /** Only of programs: the business it is for. */
  businessId: z.string().optional(),
  businessName: z.string().optional(),
  signedInAt: timestamp,
  /** Of browsers exact to an hour, of programs when they last renewed their access. */
  lastUsedAt: timestamp,
  /** It is the one that asks. */
  isCurrent: z.boolean(),
});

/** The server says itself what a good password is. */
const password = z.string().max(4 * MAX_PASSWORD_CHARS);
const currentPassword = password.optional();

export const authEndpoints = defineEndpoints(authWire, {
  "auth.refresh": {
    summary: "Trade a refresh token for a new access token and the next refresh token.",
    input: z.strictObject({ refreshToken: z.string().max(512) }),
    output: tokenSet(),
  },
  "auth.logout": {
    right: "account",
    summary: "End this session: its tokens and the nodes registered with it lose access.",
    input: z.strictObject({}),
    output: z.object({}),
  },
  "auth.whoami": {
    right: "account.read",
    summary: "The user and the business of this access token or API key, and how long their sign-in lasts.",
    input: z.strictObject({}),
    output: identity().extend({
      signedInAt: timestamp.optional(),
      /** Only if the request came with one. */
      apiKeyId: apiKeyId.optional(),
      /** When the session ends if it is not used again, or the API key expires. */
      sessionEndsAt: timestamp.optional(),
    }),
  },
  "auth.businesses": {
    right: "account",
    summary: "The businesses that this person belongs to, by name, with their role in each.",
    input: z.strictObject({}),
    output: z.object({ businesses: z.array(ownBusiness) }),
  },
  "auth.sessions": {
    right: "account",
    summary:
      "The browsers and programs in which this person is signed in, in every business, the newest first: at most 50 of each.",
    input: z.strictObject({}),
    output: z.object({ sessions: z.array(ownSession) }),
  },
  "auth.end-session": {
    right: "account",
    summary:
      "Sign out one of this person's own browsers or programs: what it may do, and the nodes registered with it, end.",
    input: z.strictObject({ sessionId }),
    output: z.object({ sessionId }),
  },
  "auth.switch": {
    summary:
      "Open another session of the person of a refresh token, in another business of theirs. The first session stays.",
    input: z.strictObject({
      refreshToken: z.string().max(512),
      business: accountName.describe("The name of the business, or its id."),
    }),
    output: tokenSet(),
  },
  "auth.request-otp": {
    summary: "Send a code for one sign-in to this email address, if somebody on this server has it.",
    input: z.strictObject({ email: emailAddress() }),
    output: z.object({}),
  },
  "auth.verify-otp": {
    summary:
      "Sign in with the code that came by mail. A person with several businesses names one, by its name or id.",
    input: z.strictObject({
      email: emailAddress(),
      code: z.string().max(32),
      business: accountName.optional(),
    }),
    output: tokenSet(),
  },
  "auth.account": {
    right: "account",
    summary: "How the user of this access token can sign in.",
    input: z.strictObject({}),
    output: z.object({
      userId: z.string(),
      userName: z.string(),
      email: z.string().optional(),
      hasPassword: z.boolean(),
      passkeys: z.array(
        z.object({
          passkeyId: z.string(),
          name: z.string(),
          createdAt: timestamp,
          lastUsedAt: timestamp.optional(),
        }),
      ),
      /** Whether this server sends codes by mail. */
      hasMail: z.boolean(),
    }),
  },
  "auth.set-password": {
    right: "account",
    summary:
      "Set or change one's own password. Somebody who has one gives that too, or a code of request-otp.",
    input: z.strictObject({ currentPassword, newPassword: password }),
    output: z.object({}),
  },
  "auth.set-email": {
    right: "account",
    summary: "Set or change one's own email address. Somebody who has a password gives that too.",
    input: z.strictObject({ currentPassword, email: emailAddress() }),
    output: z.object({}),
  },
});
