import { ComputeClient } from "../../sdk/client.ts";
import type { Env } from "../../shared/config/home.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { givenToken } from "../credentials/given.ts";
import { NotSignedInError } from "../credentials/not-signed-in.ts";
import { openCredentialStore } from "../credentials/open.ts";
import { SessionCredentials } from "../credentials/session.ts";
import { inSessionTurn } from "../credentials/session-turn.ts";
import type { StoredSession } from "../credentials/store.ts";
import { CliError } from "../exit/failure.ts";
import {
  type ChosenWorkspace,
  chooseWorkspace,
  updateWorkspaces,
  type Workspace,
} from "../workspace/workspaces.ts";

export const command = defineCommand({
  options: clientOptions,
  examples: [{ line: "auth logout", does: "Sign out of the current workspace" }],
  details: "Nodes that were registered with the session take no new jobs; jobs running on them end as usual.",
  async run({ options, env, output }) {
    const workspace = await chooseWorkspace(env, options);
    const { name, url, known } = workspace;
    const store = known?.credentialStore;
    if (!store) {
      await output.note(`You were not signed in to workspace ${name}.`);
      if (options.json) await output.json({ workspace: name, url, serverTold: false });
      return 0;
    }
    if (known.url !== url) {
      throw new CliError("not_signed_in", `workspace ${name} is signed in to ${known.url}, not to ${url}`, {
        todo: "Omit --url and TANVRIT_URL, or name that server's workspace with --workspace",
      });
    }
    const client = new ComputeClient({ url, proof: workspace.proof });
    const { failure, isGiven } = await inSessionTurn(env, name, async () => {
      const session = await storedSession(env, workspace);
      const ended = session && (await revoked(client, session));
      await (await openCredentialStore(store, env)).remove(name);
      await updateWorkspaces(env, (latest) => ({
        ...latest,
        workspaces: { ...latest.workspaces, [name]: serverOf(known) },
      }));
      return {
        failure: ended || undefined,
        isGiven: session !== undefined && session.refreshToken === undefined,
      };
    });
    await output.note(
      failure
        ? `Signed out of workspace ${name} here, but the server was not told: ${failure.message} The tokens are removed here; anyone with a copy of them can use it until the server ends the session, by default 30 days after its last use.`
        : `Signed out of workspace ${name}.`,
    );
    if (isGiven) await output.note("Its token or API key came from elsewhere, and is still valid there.");
    const given = givenToken(env);
    if (given) await output.note(`${given.variable} is still set: commands continue to sign in with it.`);
    if (options.json)
      await output.json({ workspace: name, url, serverTold: failure === undefined && !isGiven });
    return 0;
  },
});

async function storedSession(env: Env, workspace: ChosenWorkspace): Promise<StoredSession | undefined> {
  try {
    return await new SessionCredentials(env, workspace).load();
  } catch (error) {
    if (error instanceof NotSignedInError) return undefined;
    throw error;
  }
}

/** Ends the session on the server. Resolves with why that was not possible. */
async function revoked(
  client: ComputeClient,
  { accessToken, refreshToken }: StoredSession,
): Promise<Error | undefined> {
  if (refreshToken === undefined) return undefined;
  const { revokeSession } = await import("../oauth/refresh.ts");
  return revokeSession(client, { accessToken, refreshToken }).then(
    () => undefined,
    (error: Error) => error,
  );
}

/** What remains of a workspace in which nobody is signed in: which server it is. */
function serverOf({ url, serverKey, pin, insecureHttp }: Workspace): Workspace {
  return { url, serverKey, pin, insecureHttp };
}
