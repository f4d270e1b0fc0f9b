import { watchFile } from "../../agent/profile/watch-file.ts";
import type { SignIn } from "../../agent/session/sign-in.ts";
import type { Credentials, SentRequest } from "../../sdk/credentials.ts";
import type { ComputeError } from "../../sdk/errors.ts";
import type { Env } from "../../shared/config/home.ts";
import { Emitter } from "../../shared/emitter.ts";
import { untilAborted } from "../../shared/wait.ts";
import { type GivenToken, givenToken } from "../credentials/given.ts";
import { credentialsOf } from "../credentials/session.ts";
import { type ChosenWorkspace, chooseWorkspace, configPath } from "../workspace/workspaces.ts";

/**
 * The sign-in of an agent's machine, which people change while the agent runs: signing in and out writes the workspace
 * into config.json. A token that was given in a variable counts until the server refuses it, and the workspace's own
 * sign-in after that. A file with a token counts for as long as the agent runs, and a change of it is a new sign-in.
 */
export class MachineSignIn implements SignIn, Credentials {
  version = 0;
  private readonly grown = new Emitter();
  private used: { version: number; credentials: Credentials } | undefined;

  constructor(
    private env: Env,
    private readonly workspace: ChosenWorkspace,
    signal: AbortSignal,
  ) {
    const grow = () => {
      this.version++;
      this.grown.emit();
    };
    watchFile(configPath(env), grow, signal);
    const given = givenToken(env);
    if (isFile(given)) watchFile(given.path, grow, signal);
  }

  async changed(version: number, signal: AbortSignal): Promise<void> {
    if (this.version !== version) return;
    const grown = Promise.withResolvers<void>();
    const unsubscribe = this.grown.subscribe(() => grown.resolve());
    // An abort only ends the wait.
    await untilAborted(grown.promise, signal).catch(() => undefined);
    unsubscribe();
  }

  async headers(request?: SentRequest): Promise<Record<string, string>> {
    return (await this.current()).headers(request);
  }

  async renew(why: ComputeError): Promise<boolean> {
    try {
      return (await (await this.current()).renew?.(why)) ?? false;
    } catch (error) {
      const given = givenToken(this.env);
      if (given && !isFile(given)) {
        this.env = { ...this.env, [given.variable]: undefined };
        this.used = undefined;
      }
      throw error;
    }
  }

  private async current(): Promise<Credentials> {
    const { version } = this;
    if (this.used?.version === version) return this.used.credentials;
    const { name, url, proof } = this.workspace;
    const credentials = credentialsOf(this.env, {
      ...(await chooseWorkspace(this.env, { workspace: name, url })),
      url,
      proof,
    });
    this.used = { version, credentials };
    return credentials;
  }
}

function isFile(given: GivenToken | undefined): given is GivenToken & { path: string } {
  return given?.path !== undefined;
}
