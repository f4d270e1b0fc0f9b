import type { EndpointInput, EndpointOutput } from "../shared/endpoints/index.ts";

/** Called when a request is over: true if it was answered and the connection stays open. */
export type EndRequest = (isStillThere: boolean) => void;

export type AskIdentity = (
  input: EndpointInput<"server.identity">,
) => Promise<EndpointOutput<"server.identity">>;

/** Makes sure that a URL leads to the server that the client knows, before any token or key is sent there. */
export interface Proof {
  /**
   * Called at the start of a request. Throws OtherServerError if another server answers, and the error of `ask` if no
   * server does.
   */
  begin(ask: AskIdentity): Promise<EndRequest>;
  /** Sends a request to the server's URL. `init` may be called more than once. */
  fetch(url: string, init: () => RequestInit): Promise<Response>;
}
