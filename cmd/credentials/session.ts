import { ComputeClient, type Credentials } from "../../sdk/client.ts";
import { ComputeError } from "../../sdk/errors.ts";
import type { Env } from "../command.ts";
import { CliError, LOGIN_TODO } from "../failure.ts";
import type { ChosenWorkspace } from "../workspaces.ts";
import { openCredentialStore } from "./open.ts";
import type { CredentialStore, StoredSession } from "./store.ts";

/** An access token that ends sooner than this is renewed before it is used. */
const RENEW_BEFORE_MS = 30_000;

/** How this process signs in: by TANVRIT_TOKEN as it is, else by the workspace's session, which renews itself. */
export function credentialsOf(env: Env, workspace: ChosenWorkspace): Credentials {
  const token = env.TANVRIT_TOKEN;
  if (token) return { headers: () => ({ authorization: `Bearer ${token}` }) };
  return new SessionCredentials(env, workspace);
}

/**
 * A workspace's stored session. Other processes share it and renew it too, so what is stored is read again before it is
 * renewed here: an old refresh token that comes back late would end the session.
 */
export class SessionCredentials implements Credentials {
  private readonly env: Env;
  private readonly workspace: ChosenWorkspace;
  private store: CredentialStore | undefined;
  private current: StoredSession | undefined;
  private renewal: Promise<boolean> | undefined;

  constructor(env: Env, workspace: ChosenWorkspace) {
    this.env = env;
    this.workspace = workspace;
  }

  async headers(): Promise<Record<string, string>> {
    return { authorization: `Bearer ${(await this.session()).accessToken}` };
  }

  /** The session with an access token that is good for a while. Throws CliError `not_signed_in`. */
  async session(): Promise<StoredSession> {
    this.current ??= await this.load();
    if (isFresh(this.current)) return this.current;
    await this.renew();
    return this.current;
  }

  /** Gets a better access token than the one in use; callers at the same time share one renewal. */
  renew(): Promise<boolean> {
    this.renewal ??= this.renewOnce().finally(() => {
      this.renewal = undefined;
    });
    return this.renewal;
  }

  /** What is stored for this workspace, if it is for this server. */
  async load(): Promise<StoredSession> {
    const { name, url, known } = this.workspace;
    const todo = `Run tanvrit-compute auth login --workspace ${name}${known?.url === url ? "" : ` --url ${url}`}`;
    const notSignedIn = (why: string) => new CliError("not_signed_in", why, { todo });
    if (!known?.credentialStore) throw notSignedIn(`you are not signed in to workspace ${name}`);
    this.store ??= await openCredentialStore(known.credentialStore, this.env);
    const stored = await this.store.read(name);
    if (!stored) throw notSignedIn(`you are not signed in to workspace ${name}`);
    if (stored.url === url) return stored;
    throw notSignedIn(`workspace ${name} is signed in to ${stored.url}, not to ${url}`);
  }

  private async renewOnce(): Promise<boolean> {
    const used = this.current?.accessToken;
    const stored = await this.load();
    this.current = stored;
    if (stored.accessToken !== used && isFresh(stored)) return true;
    const client = new ComputeClient({ url: this.workspace.url });
    try {
      const tokens = await client.call("auth.refresh", { refreshToken: stored.refreshToken });
      this.current = { ...tokens, url: stored.url };
    } catch (error) {
      if (!(error instanceof ComputeError) || error.status !== 401) throw error;
      throw new CliError("not_signed_in", `the session of workspace ${this.workspace.name} has ended`, {
        cause: error,
        todo: LOGIN_TODO,
      });
    }
    await this.store?.write(this.workspace.name, this.current);
    return true;
  }
}

function isFresh(session: StoredSession): boolean {
  return Date.parse(session.accessTokenExpiresAt) - Date.now() > RENEW_BEFORE_MS;
}
