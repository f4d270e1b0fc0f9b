import type { EndpointOutput } from "../shared/endpoints/index.ts";
import type { ComputeClient } from "./client.ts";
import { callPatiently, type Patience } from "./patience.ts";

/** A browser or a program in which the caller is signed in. */
export type Session = EndpointOutput<"auth.sessions">["sessions"][number];

/**
 * Where the caller is signed in.
 *
 * @example
 * for (const { name, lastUsedAt } of await compute.sessions.list()) console.log(name, lastUsedAt);
 */
export class Sessions {
  constructor(private readonly client: ComputeClient) {}

  /** The caller's browsers and programs, the newest first. */
  async list(options: Patience = {}): Promise<Session[]> {
    return (await callPatiently(this.client, "auth.sessions", {}, options)).sessions;
  }

  /** Signs one of them out. Throws `not_found` if the caller has no such session. */
  async end(sessionId: string, options: Patience = {}): Promise<void> {
    await callPatiently(this.client, "auth.end-session", { sessionId }, options);
  }
}
