import { z } from "zod";
import { proofNonce, serverKey } from "../server-proof.ts";
import { defineEndpoints } from "./endpoint.ts";
import { serverWire } from "./wire/server.ts";

export const serverEndpoints = defineEndpoints(serverWire, {
  "server.identity": {
    summary: "Prove which server this is, before a client sends it a token or a key over plain HTTP.",
    input: z.strictObject({
      nonce: proofNonce(),
      /** The URL the client uses, without a trailing slash. */
      url: z.url().max(2_048),
    }),
    output: z.object({
      serverKey: serverKey(),
      /** Signature of `proofText(nonce, url)` by that key; absent if the URL is not one of the server's own. */
      signature: z.string().optional(),
      /** The server's own URLs. */
      urls: z.array(z.string()),
    }),
  },
});
