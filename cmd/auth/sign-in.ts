import type { TokenSet } from "../../shared/auth.ts";
import type { ServerPin } from "../../shared/server-pin.ts";

/** How a person signed in: on the server's machine, in a browser here, with a code in a browser elsewhere, or with a token. */
export type SignInWay = "same machine" | "browser" | "device" | "token";

/** A sign-in that nothing keeps yet. */
export interface SignIn {
  way: SignInWay;
  url: string;
  serverKey: string | undefined;
  /** The certificate of the server, if no authority signed it. */
  pin: ServerPin | undefined;
  tokens: Pick<TokenSet, "accessToken" | "identity"> & Partial<TokenSet>;
}
