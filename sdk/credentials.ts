import type { EndpointId, EndpointOutput } from "../shared/endpoints/index.ts";
import type { ComputeError } from "../shared/errors.ts";

/** Signs a client's requests. */
export interface Credentials {
  /** The headers of one request, such as `authorization` or `x-api-key`. Called before every attempt. */
  headers(request?: SentRequest): Promise<Record<string, string>> | Record<string, string>;
  /** Called once after a 401 `token_expired` or `unauthenticated`. true: `headers()` has something newer, send again. */
  renew?(why: ComputeError): Promise<boolean>;
  /** Called before a wait for these jobs: the wait may outlive the token that `headers()` returns now. */
  prepareToWait?(jobIds: readonly string[], source: TicketSource): Promise<void>;
}

/** The request to sign: its endpoint, and the job or array it is about. */
export interface SentRequest {
  id: EndpointId;
  jobId: string | undefined;
}

export type WaitTicket = EndpointOutput<"jobs.wait-tickets">["tickets"][number];

/** Asks the server for wait tickets; `headers` sign that request. */
export type TicketSource = (
  jobIds: readonly string[],
  headers: Record<string, string>,
) => Promise<WaitTicket[]>;
