import { z } from "zod";

/**
 * Every id is `<prefix>_` and 26 lower-case Crockford base32 digits of a UUIDv7 (RFC 9562). Ids of one kind sort by
 * their time of creation, even within one millisecond of one process.
 */
export type IdPrefix =
  | "job"
  | "exe"
  | "node"
  | "usr"
  | "biz"
  | "ses"
  | "srv"
  | "crd"
  | "sch"
  | "fire"
  | "tpl"
  | "art"
  | "pack"
  | "sec"
  | "key"
  | "enr"
  | "inv"
  | "pk"
  | "trash";

export const ID_DIGITS = 26;

export function isId(prefix: IdPrefix, text: string): boolean {
  return patternOf(prefix).test(text);
}

/** A schema for ids of one kind. A well-formed id without a row gives a 404, a malformed id a 400. */
export function idSchema(prefix: IdPrefix) {
  return z.string().regex(patternOf(prefix), {
    error: `must be an id like ${prefix}_${"0".repeat(ID_DIGITS)}`,
  });
}

function patternOf(prefix: IdPrefix): RegExp {
  return new RegExp(`^${prefix}_[0-9a-hjkmnp-tv-z]{${ID_DIGITS}}$`);
}
