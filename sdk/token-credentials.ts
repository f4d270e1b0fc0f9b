import { ComputeError } from "../shared/errors.ts";
import type { Credentials, SentRequest, TicketSource, WaitTicket } from "./credentials.ts";

/** The endpoints that accept a ticket. */
const TICKET_ENDPOINTS: readonly string[] = ["jobs.retrieve", "jobs.logs", "jobs.list"];
/** A ticket is renewed when it has less than this left; a wait sends requests far more often. */
const RENEW_BEFORE_MS = 12 * 3_600_000;
const TICKETS_AT_ONCE = 1_000;
const API_KEY_PREFIX = "tnv_";

/** Where a token comes from that can change while the program runs. */
export interface TokenSource {
  token(): Promise<string>;
  /** Called when the server refused the token. Resolves with whether there is another one now. */
  hasChanged?(): Promise<boolean>;
}

/** Whether this is a user's API key, which is sent in a header of its own and outlives every wait. */
export function isApiKey(token: string): boolean {
  return token.startsWith(API_KEY_PREFIX);
}

/** Whether this can be sent as a token at all: one word without blanks and control characters. */
export function isToken(text: string): boolean {
  return /^[!-~]+$/.test(text);
}

/**
 * Signs with an access token that cannot be renewed here, or with an API key. A wait for a job first takes a ticket, which
 * can only read that job and is renewed while it is used, so the wait outlives the token.
 */
export class TokenCredentials implements Credentials {
  private readonly tickets = new Map<string, WaitTicket>();
  private source: TicketSource | undefined;
  private readonly tokens: TokenSource;

  constructor(token: string | TokenSource) {
    this.tokens = typeof token === "string" ? { token: async () => token } : token;
  }

  async headers(request?: SentRequest): Promise<Record<string, string>> {
    const ticket =
      request && TICKET_ENDPOINTS.includes(request.id) ? await this.ticketOf(request.jobId) : undefined;
    return headersOf(ticket?.ticket ?? (await this.tokens.token()));
  }

  async renew(_why: ComputeError): Promise<boolean> {
    return (await this.tokens.hasChanged?.()) ?? false;
  }

  async prepareToWait(jobIds: readonly string[], source: TicketSource): Promise<void> {
    const token = await this.tokens.token();
    if (isApiKey(token)) return;
    this.source = source;
    const missing = jobIds.filter((jobId) => !this.tickets.has(jobId));
    for (let i = 0; i < missing.length; i += TICKETS_AT_ONCE) {
      await this.take(missing.slice(i, i + TICKETS_AT_ONCE), token);
    }
  }

  private async ticketOf(jobId: string | undefined): Promise<WaitTicket | undefined> {
    const ticket = jobId === undefined ? undefined : this.tickets.get(jobId);
    if (!ticket || Date.parse(ticket.expiresAt) - Date.now() > RENEW_BEFORE_MS) return ticket;
    await this.take([ticket.jobId], ticket.ticket);
    return this.tickets.get(ticket.jobId);
  }

  /** Without a ticket the token is used. If the token or the job is the problem, the next request says so. */
  private async take(jobIds: readonly string[], by: string): Promise<void> {
    try {
      for (const ticket of (await this.source?.(jobIds, headersOf(by))) ?? [])
        this.tickets.set(ticket.jobId, ticket);
    } catch (error) {
      // If the server is away, the wait itself reports that and goes on when it is back.
      if (!(error instanceof ComputeError) && (error as Error).name !== "UnreachableError") throw error;
    }
  }
}

/** The header that carries this access token, ticket or API key. */
export function headersOf(token: string): Record<string, string> {
  return isApiKey(token) ? { "x-api-key": token } : { authorization: `Bearer ${token}` };
}
