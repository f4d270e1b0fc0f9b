import { ComputeClient } from "../../sdk/client.ts";
import type { Credentials } from "../../sdk/credentials.ts";
import { ComputeError, UnreachableError } from "../../sdk/errors.ts";
import { headersOf } from "../../sdk/token-credentials.ts";
import type { TokenSet } from "../../shared/auth.ts";
import type { Env } from "../../shared/config/home.ts";
import { type ChosenWorkspace, DEFAULT_URL } from "../workspace/workspaces.ts";
import { GivenCredentials, givenToken } from "./given.ts";
import { NotSignedInError } from "./not-signed-in.ts";
import { openCredentialStore } from "./open.ts";
import { inSessionTurn } from "./session-turn.ts";
import type { CredentialStore, StoredSession } from "./store.ts";

/** An access token that expires sooner than this is renewed before it is used. */
const RENEW_BEFORE_MS = 30_000;
const PROBE_LIMIT_MS = 2_000;

/** How this process signs in: with the environment's token or API key, else with the workspace's session, which renews itself. */
export function credentialsOf(env: Env, workspace: ChosenWorkspace): Credentials {
  const given = givenToken(env);
  return given === undefined ? new SessionCredentials(env, workspace) : new GivenCredentials(given);
}

/**
 * A workspace's stored session. Other processes share it and renew it too, so it is read again before it is renewed
 * here: an old refresh token that arrives late would end the session.
 */
export class SessionCredentials implements Credentials {
  private store: CredentialStore | undefined;
  private current: StoredSession | undefined;
  private renewal: Promise<boolean> | undefined;

  constructor(
    private readonly env: Env,
    private readonly workspace: ChosenWorkspace,
  ) {}

  async headers(): Promise<Record<string, string>> {
    try {
      return headersOf((await this.session()).accessToken);
    } catch (error) {
      // Signing in needs the server, so report an unreachable server first.
      if (error instanceof NotSignedInError) await this.probe();
      throw error;
    }
  }

  /** Throws UnreachableError if no server answers. */
  private async probe(): Promise<void> {
    const { url, proof } = this.workspace;
    const client = new ComputeClient({ url, ...(url.startsWith("https:") && { proof }) });
    await client.call("auth.whoami", {}, { timeoutMs: PROBE_LIMIT_MS }).catch((error: unknown) => {
      if (error instanceof UnreachableError) throw error;
    });
  }

  /** The session, renewed if its access token expires within this time. Throws NotSignedInError. */
  async session(goodForMs = RENEW_BEFORE_MS): Promise<StoredSession> {
    this.current ??= await this.load();
    // A token that cannot be renewed is used as long as the server accepts it.
    const isFinal = this.current.refreshToken === undefined;
    if (isFinal || isFresh(this.current, goodForMs)) return this.current;
    await this.renew();
    return this.current;
  }

  /** Gets a newer access token. Callers at the same time share one renewal. */
  renew(): Promise<boolean> {
    this.renewal ??= this.renewOnce().finally(() => {
      this.renewal = undefined;
    });
    return this.renewal;
  }

  /** Replaces the stored session by what `change` makes of it, while no other process renews or replaces it. */
  async replace(change: (stored: StoredSession) => Promise<TokenSet>): Promise<void> {
    const { name } = this.workspace;
    await inSessionTurn(this.env, name, async () => {
      const stored = await this.load();
      this.current = { ...stored, ...(await change(stored)) };
      await this.store?.write(name, this.current);
    });
  }

  /** The session stored for this workspace. Throws NotSignedInError if there is none, or it is for another server. */
  async load(): Promise<StoredSession> {
    const { name, url, known } = this.workspace;
    const todo = this.loginTodo();
    const missing = `you are not signed in to workspace ${name}`;
    if (!known?.credentialStore) throw new NotSignedInError("unauthenticated", missing, todo);
    this.store ??= await openCredentialStore(known.credentialStore, this.env);
    const stored = await this.store.read(name);
    if (!stored) throw new NotSignedInError("unauthenticated", missing, todo);
    if (stored.url === url) return stored;
    const elsewhere = `workspace ${name} is signed in to ${stored.url}, not to ${url}`;
    throw new NotSignedInError("unauthenticated", elsewhere, todo);
  }

  private async renewOnce(): Promise<boolean> {
    const used = this.current?.accessToken;
    if (await this.takeNewer(used)) return true;
    return inSessionTurn(this.env, this.workspace.name, async () => {
      // Most processes that waited for their turn find that another one has renewed the session.
      if (!(await this.takeNewer(used))) await this.refresh();
      return true;
    });
  }

  /** Reads the stored session again. Resolves with whether it is another one that is still good. */
  private async takeNewer(used: string | undefined): Promise<boolean> {
    this.current = await this.load();
    return this.current.accessToken !== used && isFresh(this.current);
  }

  private async refresh(): Promise<void> {
    const stored = this.current ?? (await this.load());
    const { name, url, proof } = this.workspace;
    if (stored.refreshToken === undefined) {
      const why = `the token with which workspace ${name} is signed in is not valid any more`;
      throw new NotSignedInError("session_ended", why, this.loginTodo());
    }
    const { refreshTokens } = await import("../oauth/refresh.ts");
    try {
      const tokens = await refreshTokens(new ComputeClient({ url, proof }), stored.refreshToken);
      this.current = { ...stored, ...tokens };
    } catch (error) {
      if (!(error instanceof ComputeError) || error.status !== 401) throw error;
      const reason = error.message.replace(/ Sign in again\.$/, "");
      const why = `the session of workspace ${name} has ended (${reason})`;
      throw new NotSignedInError("session_ended", why, this.loginTodo());
    }
    await this.store?.write(name, this.current);
  }

  private loginTodo(): string {
    const { name, url, known } = this.workspace;
    const where = (known?.url ?? DEFAULT_URL) === url ? "" : ` --url ${url}`;
    return `Run tanvrit-compute auth login --workspace ${name}${where}`;
  }
}

function isFresh(session: StoredSession, goodForMs = RENEW_BEFORE_MS): boolean {
  const { accessTokenExpiresAt: until } = session;
  return until === undefined || Date.parse(until) - Date.now() > goodForMs;
}
