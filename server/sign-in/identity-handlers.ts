import { proofText } from "../../shared/proof-text.ts";
import type { ServerKey } from "../auth/server-key.ts";
import type { Handlers } from "../http/handler.ts";
import type { OwnUrls } from "../http/own-urls.ts";

/** The key signs only for this server's own URLs. A server that relays somebody's proof has another URL. */
export function identityHandlers(key: ServerKey, urls: OwnUrls): Pick<Handlers, "server.identity"> {
  return {
    "server.identity": ({ nonce, url }) => ({
      serverKey: key.publicKey,
      signature: urls.meantBy(url) === url ? key.sign(proofText(nonce, url)) : undefined,
      urls: urls.all,
    }),
  };
}
