import { ComputeClient, type Credentials, type SentRequest } from "../../sdk/client.ts";
import { ComputeError, UnreachableError } from "../../sdk/errors.ts";
import { TokenCredentials } from "../../sdk/token-credentials.ts";
import type { Env } from "../../shared/config/home.ts";
import { type ChosenWorkspace, DEFAULT_URL } from "../workspace/workspaces.ts";
import { openCredentialStore } from "./open.ts";
import type { CredentialStore, StoredSession } from "./store.ts";

/** An access token that expires sooner than this is renewed before it is used. */
const RENEW_BEFORE_MS = 30_000;
const PROBE_LIMIT_MS = 2_000;

/** There is no session, or it has ended. To the client's caller it looks like the server's own answer. */
export class NotSignedInError extends ComputeError {
  constructor(
    code: "unauthenticated" | "token_expired" | "session_ended",
    why: string,
    readonly todo: string,
  ) {
    super(code, why);
  }
}

/** How this process signs in: with TANVRIT_TOKEN unchanged, else with the workspace's session, which renews itself. */
export function credentialsOf(env: Env, workspace: ChosenWorkspace): Credentials {
  const token = tokenOf(env);
  return token === undefined ? new SessionCredentials(env, workspace) : new GivenToken(token);
}

/** The value of TANVRIT_TOKEN; undefined if it is empty, so the workspace's own sign-in is used. */
export function tokenOf(env: Env): string | undefined {
  return env.TANVRIT_TOKEN?.trim() || undefined;
}

const TOKEN_TODO =
  "Set TANVRIT_TOKEN to the output of tanvrit-compute auth print-token, or unset it to use the workspace's own sign-in";

/** A token from outside. It cannot be renewed here, so it is used unchanged. A wait for a job outlives it by a ticket. */
class GivenToken extends TokenCredentials {
  private readonly isToken: boolean;

  constructor(token: string) {
    super(token);
    this.isToken = /^[!-~]+$/.test(token);
  }

  override headers(request?: SentRequest): Promise<Record<string, string>> {
    if (this.isToken) return super.headers(request);
    const why = "TANVRIT_TOKEN contains characters that no token has";
    throw new NotSignedInError("unauthenticated", why, TOKEN_TODO);
  }

  /** Called when the server refused the token. */
  renew(why: ComputeError): Promise<boolean> {
    const refused =
      why.code === "token_expired"
        ? new NotSignedInError("token_expired", "TANVRIT_TOKEN has expired", TOKEN_TODO)
        : new NotSignedInError("unauthenticated", "TANVRIT_TOKEN is not valid on this server", TOKEN_TODO);
    return Promise.reject(refused);
  }
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
      return { authorization: `Bearer ${(await this.session()).accessToken}` };
    } catch (error) {
      // Signing in needs the server, so report an unreachable server first.
      if (error instanceof NotSignedInError) await this.probe();
      throw error;
    }
  }

  /** Throws UnreachableError if no server answers. */
  private async probe(): Promise<void> {
    const client = new ComputeClient({ url: this.workspace.url });
    await client.call("auth.whoami", {}, { timeoutMs: PROBE_LIMIT_MS }).catch((error: unknown) => {
      if (error instanceof UnreachableError) throw error;
    });
  }

  /** The session, renewed if its access token expires within this time. Throws NotSignedInError. */
  async session(goodForMs = RENEW_BEFORE_MS): Promise<StoredSession> {
    this.current ??= await this.load();
    if (isFresh(this.current, goodForMs)) return this.current;
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
    const stored = await this.load();
    this.current = stored;
    if (stored.accessToken !== used && isFresh(stored)) return true;
    const { url, proof } = this.workspace;
    const client = new ComputeClient({ url, proof });
    try {
      const tokens = await client.call("auth.refresh", { refreshToken: stored.refreshToken });
      this.current = { ...tokens, url: stored.url };
    } catch (error) {
      if (!(error instanceof ComputeError) || error.status !== 401) throw error;
      const reason = error.message.replace(/ Sign in again\.$/, "");
      const why = `the session of workspace ${this.workspace.name} has ended (${reason})`;
      throw new NotSignedInError("session_ended", why, this.loginTodo());
    }
    await this.store?.write(this.workspace.name, this.current);
    return true;
  }

  private loginTodo(): string {
    const { name, url, known } = this.workspace;
    const where = (known?.url ?? DEFAULT_URL) === url ? "" : ` --url ${url}`;
    return `Run tanvrit-compute auth login --workspace ${name}${where}`;
  }
}

function isFresh(session: StoredSession, goodForMs = RENEW_BEFORE_MS): boolean {
  return Date.parse(session.accessTokenExpiresAt) - Date.now() > goodForMs;
}
