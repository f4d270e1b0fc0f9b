import { z } from "zod";

/** A SHA-256 digest in 64 lower-case hex digits. */
export const sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, { error: "must be a SHA-256 digest in 64 lower-case hex digits" });

export function sha256Of(bytes: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(bytes).digest("hex");
}
