import { z } from "zod";

export const DIGEST = /^[0-9a-f]{64}$/;

/** A SHA-256 digest in 64 lower-case hex digits. */
export const sha256 = z
  .string()
  .regex(DIGEST, { error: "must be a SHA-256 digest in 64 lower-case hex digits" });
