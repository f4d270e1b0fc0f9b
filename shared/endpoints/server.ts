import { z } from "zod";
import { proofNonce, serverKey } from "../server-proof.ts";
import { defineEndpoints } from "./endpoint.ts";

export const serverEndpoints = defineEndpoints({
  "server.identity": {
    method: "POST",
    path: "/api/compute/server/identity",
    callers: ["anyone"],
    summary: "Proves which server this is, before a client sends it a token or a key over plain HTTP.",
    input: z.strictObject({
      nonce: proofNonce,
      /** At which the client speaks to the server, without a slash at the end. */
      url: z.url().max(2_048),
    }),
    output: z.object({
      serverKey,
      /** Of `proofText(nonce, url)` by that key; absent where the URL is none of the server's own. */
      signature: z.string().optional(),
      /** The server's own. */
      urls: z.array(z.string()),
    }),
    errors: [],
    repeatable: true,
  },
});
