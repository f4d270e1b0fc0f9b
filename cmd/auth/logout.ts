import { ComputeClient } from "../../sdk/client.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { givenToken } from "../credentials/given.ts";
import { openCredentialStore } from "../credentials/open.ts";
import { SessionCredentials } from "../credentials/session.ts";
import { CliError } from "../exit/failure.ts";
import { chooseWorkspace, updateWorkspaces, type Workspace } from "../workspace/workspaces.ts";

export const command = defineCommand({
  options: clientOptions,
  examples: [{ line: "auth logout", does: "Sign out of the current workspace" }],
  details: "Nodes that were registered with the session take no new jobs; jobs running on them end as usual.",
  async run({ options, env, output }) {
    const workspace = await chooseWorkspace(env, options);
    const { name, url, known } = workspace;
    if (!known?.credentialStore) {
      await output.note(`You were not signed in to workspace ${name}.`);
      if (options.json) await output.json({ workspace: name, url, serverTold: false });
      return 0;
    }
    if (known.url !== url) {
      throw new CliError("not_signed_in", `workspace ${name} is signed in to ${known.url}, not to ${url}`, {
        todo: "Omit --url and TANVRIT_URL, or name that server's workspace with --workspace",
      });
    }
    const client = new ComputeClient({
      url,
      proof: workspace.proof,
      credentials: new SessionCredentials(env, workspace),
    });
    const failure = await client.call("auth.logout", {}).then(
      () => undefined,
      (error: Error) => error,
    );
    await (await openCredentialStore(known.credentialStore, env)).remove(name);
    await updateWorkspaces(env, (latest) => ({
      ...latest,
      workspaces: { ...latest.workspaces, [name]: serverOf(known) },
    }));
    await output.note(
      failure
        ? `Signed out of workspace ${name} here, but the server was not told: ${failure.message} The tokens are removed here; anyone with a copy of them can use it until the server ends the session, by default 30 days after its last use.`
        : `Signed out of workspace ${name}.`,
    );
    const given = givenToken(env);
    if (given) await output.note(`${given.variable} is still set: commands continue to sign in with it.`);
    if (options.json) await output.json({ workspace: name, url, serverTold: failure === undefined });
    return 0;
  },
});

/** What remains of a workspace in which nobody is signed in: which server it is. */
function serverOf({ url, serverKey, pin, insecureHttp }: Workspace): Workspace {
  return { url, serverKey, pin, insecureHttp };
}
