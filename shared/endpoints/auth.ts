import { z } from "zod";
import { accountName, identity, tokenSet } from "../auth.ts";
import { timestamp } from "../execution.ts";
import { idSchema } from "../ids.ts";
import { defineEndpoints } from "./endpoint.ts";

const challengeId = idSchema("chl");

export const authEndpoints = defineEndpoints({
  "auth.local.start": {
    method: "POST",
    path: "/api/compute/auth/local/start",
    callers: ["anyone"],
    summary:
      "Begin a same-machine sign-in: the server writes a secret to a file that only its own user can read.",
    input: z.strictObject({}),
    output: z.object({ challengeId, secretFile: z.string(), expiresAt: timestamp }),
    errors: [],
    repeatable: true,
  },
  "auth.local.finish": {
    method: "POST",
    path: "/api/compute/auth/local/finish",
    callers: ["anyone"],
    summary: "Finish a same-machine sign-in with the secret read from the file.",
    input: z.strictObject({
      challengeId,
      secret: z.string().max(256),
      /** The business to sign in to; made if it does not exist. */
      business: accountName.default("local"),
      user: accountName,
    }),
    output: tokenSet,
    errors: [],
    repeatable: false,
  },
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
    summary: "Who this access token speaks for.",
    input: z.strictObject({}),
    output: identity,
    errors: [],
    repeatable: true,
  },
});
