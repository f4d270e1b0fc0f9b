import { z } from "zod";
import { accountName, identity, role, tokenSet } from "../auth.ts";
import { timestamp } from "../execution.ts";
import { defineEndpoints } from "./endpoint.ts";

/** A business that a person belongs to. */
const ownBusiness = z.object({
  businessId: z.string(),
  businessName: z.string(),
  role,
  /** Whether the caller's access token is for it. */
  isCurrent: z.boolean(),
});

export const authEndpoints = defineEndpoints({
  "auth.refresh": {
    method: "POST",
    path: "/api/compute/auth/refresh",
    callers: ["anyone"],
    summary: "Trade a refresh token for a new access token and the next refresh token.",
    input: z.strictObject({ refreshToken: z.string().max(512) }),
    output: tokenSet,
    errors: [],
    repeatable: true,
  },
  "auth.logout": {
    method: "POST",
    path: "/api/compute/auth/logout",
    callers: ["user"],
    right: "account",
    summary: "End this session: its tokens and the nodes registered with it lose access.",
    input: z.strictObject({}),
    output: z.object({}),
    errors: [],
    repeatable: true,
  },
  "auth.whoami": {
    method: "POST",
    path: "/api/compute/auth/whoami",
    callers: ["user"],
    right: "account.read",
    summary: "The user and the business of this access token or API key, and how long their sign-in lasts.",
    input: z.strictObject({}),
    output: identity.extend({
      signedInAt: timestamp.optional(),
      /** When the session ends if it is not used again. */
      sessionEndsAt: timestamp.optional(),
    }),
    errors: [],
    repeatable: true,
  },
  "auth.businesses": {
    method: "POST",
    path: "/api/compute/auth/businesses",
    callers: ["user"],
    right: "account",
    summary: "The businesses that this person belongs to, by name, with their role in each.",
    input: z.strictObject({}),
    output: z.object({ businesses: z.array(ownBusiness) }),
    errors: [],
    repeatable: true,
  },
  "auth.switch": {
    method: "POST",
    path: "/api/compute/auth/switch",
    callers: ["anyone"],
    summary:
      "Open another session of the person of a refresh token, in another business of theirs. The first session stays.",
    input: z.strictObject({
      refreshToken: z.string().max(512),
      business: accountName.describe("The name of the business, or its id."),
    }),
    output: tokenSet,
    errors: ["not_found"],
    repeatable: false,
  },
});
