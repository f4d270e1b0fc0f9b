import { createHash, randomBytes } from "node:crypto";

const SECRET_BYTES = 32;

/** A random text that nobody can guess. */
export function newSecret(): string {
  return randomBytes(SECRET_BYTES).toString("base64url");
}

/** What is stored instead of a secret: the random bits are too many for anyone to find them from it. */
export function digestOf(secret: string): string {
  return createHash("sha256").update(secret).digest("base64url");
}
