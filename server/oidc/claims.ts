import { accountName, emailAddress, type Role, role } from "../../shared/auth.ts";
import { ComputeError } from "../../shared/errors.ts";
import type { OidcSettings } from "./settings.ts";

export type Claims = Readonly<Record<string, unknown>>;

/** What the issuer says about a person. */
export interface ExternalFacts {
  /** Tells people apart at the issuer. */
  subject: string;
  name: string | undefined;
  email: string | undefined;
  /** In the order of the claim; at least one. */
  businesses: readonly string[];
  role: Role;
}

/** From the one that may do most. */
const ranked: readonly Role[] = role.options;
const MAX_SUBJECT_LENGTH = 500;

/** Throws `forbidden` if a claim that the settings name is missing or means nothing here. */
export function factsOf(claims: Claims, settings: OidcSettings): ExternalFacts {
  const { issuer, claims: names } = settings;
  const [subject] = textsOf(claimOf(claims, names.user));
  if (subject === undefined || subject.length > MAX_SUBJECT_LENGTH) throw missing(issuer, names.user);
  const businesses = textsOf(claimOf(claims, names.business));
  if (businesses.length === 0) throw missing(issuer, names.business);
  const unfit = businesses.find((name) => !accountName.safeParse(name).success);
  if (unfit !== undefined) {
    throw new ComputeError(
      "forbidden",
      `${issuer} says that your business is ${JSON.stringify(unfit.slice(0, 80))}. The name of a business has 1 to 64 letters, digits and . _ @ -; change the claim ${names.business} at the issuer.`,
    );
  }
  const [name] = textsOf(claimOf(claims, names.name));
  const email = claims.email_verified === false ? undefined : emailAddress().safeParse(claims.email).data;
  return { subject, name, email, businesses: [...new Set(businesses)], role: roleOf(claims, settings) };
}

/** Whether the claims name a business and a role, so that nothing else has to be asked. */
export function isEnough(claims: Claims, { claims: names }: OidcSettings): boolean {
  return [names.user, names.business, names.role].every((name) => textsOf(claimOf(claims, name)).length > 0);
}

/** The lower of two roles. */
export function lowerOf(one: Role, other: Role): Role {
  return ranked.indexOf(one) > ranked.indexOf(other) ? one : other;
}

/** Of several roles the one that may do most. */
function roleOf(claims: Claims, { issuer, claims: names, roles }: OidcSettings): Role {
  const values = textsOf(claimOf(claims, names.role));
  const meant = values.flatMap((value) => {
    if (roles) return Object.hasOwn(roles, value) ? [roles[value]] : [];
    return role.safeParse(value).data ?? [];
  });
  const highest = ranked.find((one) => meant.includes(one));
  if (highest) return highest;
  if (values.length === 0) throw missing(issuer, names.role);
  throw new ComputeError(
    "forbidden",
    `${issuer} gives you no role here: its claim ${names.role} has none that the server's config file names (oidc.roles).`,
  );
}

function claimOf(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  let value: unknown = claims;
  for (const part of name.split(".")) {
    if (value === null || typeof value !== "object" || !Object.hasOwn(value, part)) return undefined;
    value = (value as Record<string, unknown>)[part];
  }
  return value;
}

function textsOf(value: unknown): string[] {
  return [value].flat().filter((one): one is string => typeof one === "string" && one !== "");
}

function missing(issuer: string, claim: string): ComputeError {
  return new ComputeError(
    "forbidden",
    `The token of ${issuer} has no claim ${claim}, which this server needs. The administrators of the issuer can add it.`,
  );
}
