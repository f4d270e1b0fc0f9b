import { z } from "zod";
import { idSchema } from "./id-schema.ts";
import { once } from "./once.ts";
import { timestamp } from "./timestamp.ts";

export const role = z.enum(["owner", "admin", "member", "viewer"]);
export type Role = z.infer<typeof role>;

/** The person behind a request: the claims of the access token. */
export const identity = once(() =>
  z.object({
    userId: z.string(),
    userName: z.string(),
    businessId: z.string(),
    businessName: z.string(),
    role,
    sessionId: idSchema("ses"),
  }),
);
export type Identity = z.infer<ReturnType<typeof identity>>;

/** Result of a sign-in or a refresh. */
export const tokenSet = once(() =>
  z.object({
    /** A JWT with the claims sub, userId, businessId, role and sid. */
    accessToken: z.string(),
    accessTokenExpiresAt: timestamp,
    /** Rotates at every refresh; using an old one ends the session. */
    refreshToken: z.string(),
    identity: identity(),
  }),
);
export type TokenSet = z.infer<ReturnType<typeof tokenSet>>;

/** The name of a business or a user, as a person types it. */
export const accountName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/, {
  error: "must be 1 to 64 letters, digits and . _ @ -, beginning with a letter or digit",
});

/** An email address; lower case once it is parsed. */
export const emailAddress = once(() =>
  z
    .email({ error: "must be an email address" })
    .max(254, { error: "must be an email address" })
    .toLowerCase(),
);

export const MIN_PASSWORD_CHARS = 10;
export const MAX_PASSWORD_CHARS = 256;

/** The OAuth client that the command line is; also of its sessions from the server's own machine. */
export const CLI_CLIENT_ID = "tanvrit-compute-cli";
