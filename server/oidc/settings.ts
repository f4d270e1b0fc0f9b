import { readFileSync } from "node:fs";
import { z } from "zod";
import { role } from "../../shared/auth.ts";
import { textOf } from "../../shared/text-of.ts";
import { isLoopbackUrl } from "../../shared/url.ts";

/** Only asymmetric ones: with a shared secret, everybody who can check a token can also make one. */
const algorithm = z.enum([
  "RS256",
  "RS384",
  "RS512",
  "PS256",
  "PS384",
  "PS512",
  "ES256",
  "ES384",
  "ES512",
  "EdDSA",
  "Ed25519",
]);

const issuerUrl = z.string().refine(isIssuer, {
  error: "must be an https:// URL, or an http:// URL at 127.0.0.1, [::1] or localhost, without a query",
});

/** The name of a claim; `realm.roles` is the member `roles` of the claim `realm`, unless a claim has that whole name. */
const claimName = z.string().min(1).max(200);

/** `oidc` in the server's config file: another issuer says who people are. */
export const oidcSetting = z
  .strictObject({
    /** As its tokens spell it. */
    issuer: issuerUrl,
    /** The audience of the access tokens that programs send here. */
    audience: z.string().min(1),
    /** This server, as a client of the issuer; without it people cannot sign in in a browser. */
    clientId: z.string().min(1).optional(),
    clientSecretFile: z.string().min(1).optional(),
    scope: z.string().default("openid profile email"),
    claims: z.strictObject({
      /** Tells people apart; it must never change, and never be given to another person. */
      user: claimName.default("sub"),
      /** What people are called here. */
      name: claimName.default("preferred_username"),
      business: claimName,
      role: claimName,
    }),
    algorithms: z.array(algorithm).min(1).default(["RS256", "PS256", "ES256", "EdDSA"]),
    /** The role that a value of the role claim gives; without it, the values are our own roles. */
    roles: z.record(z.string(), role).optional(),
  })
  .refine(({ clientId, clientSecretFile }) => clientId !== undefined || clientSecretFile === undefined, {
    path: ["clientSecretFile"],
    error: "needs a clientId",
  });

export type OidcSettings = z.output<typeof oidcSetting>;

/** The client's secret at the issuer; undefined for a public client. Throws Error if its file cannot be read. */
export function clientSecretOf({ clientSecretFile: file }: OidcSettings): string | undefined {
  if (file === undefined) return undefined;
  try {
    const secret = readFileSync(file, "utf8").trim();
    if (secret !== "") return secret;
  } catch (cause) {
    throw new Error(`cannot read the client secret in ${file}: ${textOf(cause)}`, { cause });
  }
  throw new Error(`the file ${file} has no client secret; it is empty`);
}

function isIssuer(text: string): boolean {
  if (!URL.canParse(text) || text.includes("?") || text.includes("#")) return false;
  const { protocol } = new URL(text);
  return protocol === "https:" || (protocol === "http:" && isLoopbackUrl(text));
}
