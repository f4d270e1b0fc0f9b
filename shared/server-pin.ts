import { z } from "zod";
import { once } from "./once.ts";

/** The SHA-256 of a certificate's public key (SPKI, RFC 7469 §2.4), written as SSH writes those of its keys. */
export const fingerprint = once(() =>
  z.string().regex(/^SHA256:[A-Za-z0-9+/]{43}$/, {
    error: "must be a fingerprint as the server prints it: SHA256: and 43 characters",
  }),
);

/** How a client knows a server whose certificate no authority signed: by the certificate's key. */
export const serverPin = once(() =>
  z.strictObject({
    fingerprint: fingerprint(),
    /** The certificate with this key that was seen last: DER as base64. */
    certificate: z.base64(),
    /** A name that the certificate is for. */
    name: z.string().min(1),
  }),
);
export type ServerPin = z.infer<ReturnType<typeof serverPin>>;
