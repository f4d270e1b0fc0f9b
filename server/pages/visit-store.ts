/** A browser in which a person is signed in. Times are epoch milliseconds. */
export interface BrowserSession {
  sessionId: string;
  userId: string;
  createdAtMs: number;
  /** When it was last used, exact to an hour. */
  usedAtMs: number;
  expiresAtMs: number;
  /** The address that signed in, and what the browser called itself. */
  from: string | undefined;
  agent: string | undefined;
}

/** `setup`: makes the first owner. `open`: opens a browser that is signed in as the person. */
export type LinkPurpose = "setup" | "open";

/** A link that is valid once. */
export interface OneTimeLink {
  tokenHash: string;
  purpose: LinkPurpose;
  /** Only of `open`. */
  userId: string | undefined;
  expiresAtMs: number;
}

/**
 * Stores the browsers in which people are signed in, and links that are valid once. Their tokens are stored only as
 * SHA-256 hashes. Every operation is safe to call from several servers at the same time, and its result is on disk when it
 * resolves. What has expired at `nowMs` does not exist. Rejects with ComputeError `storage_failed` when the store refuses.
 */
export interface VisitStore {
  open(session: BrowserSession, tokenHash: string): Promise<void>;
  find(tokenHash: string, nowMs: number): Promise<BrowserSession | undefined>;
  /** Sets when the session was last used and when it expires. */
  use(sessionId: string, usedAtMs: number, expiresAtMs: number): Promise<void>;
  /** The newest first. */
  list(userId: string, nowMs: number, limit: number): Promise<BrowserSession[]>;
  /** Resolves with whether the person had such a session. */
  end(userId: string, sessionId: string): Promise<boolean>;
  /** Ends every session of the person but this one. */
  endOthers(userId: string, sessionId: string): Promise<void>;
  makeLink(link: OneTimeLink): Promise<void>;
  link(tokenHash: string, nowMs: number): Promise<OneTimeLink | undefined>;
  /** Removes the link. Of several calls at once, only one resolves with it. */
  takeLink(tokenHash: string, nowMs: number): Promise<OneTimeLink | undefined>;
  /** Removes what has expired, at most about `limit`. Resolves with how many. */
  removeExpired(nowMs: number, limit: number): Promise<number>;
}
