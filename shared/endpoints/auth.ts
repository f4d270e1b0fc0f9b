import { z } from "zod";
import { identity, tokenSet } from "../auth.ts";
import { defineEndpoints } from "./endpoint.ts";

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
    summary: "The user and the business of this access token.",
    input: z.strictObject({}),
    output: identity,
    errors: [],
    repeatable: true,
  },
});
