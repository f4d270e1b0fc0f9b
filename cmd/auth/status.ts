import { ComputeClient } from "../../sdk/client.ts";
import { UnreachableError } from "../../sdk/errors.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { givenToken } from "../credentials/given.ts";
import { openCredentialStore } from "../credentials/open.ts";
import { credentialsOf, SessionCredentials } from "../credentials/session.ts";
import { formatFields } from "../output/format.ts";
import { chooseWorkspace } from "../workspace/workspaces.ts";

export const command = defineCommand({
  options: clientOptions,
  examples: [
    { line: "auth status || tanvrit-compute auth login", does: "Sign in unless somebody is signed in" },
  ],
  details: "Exits with 77 when nobody is signed in or the session has ended.",
  async run({ options, env, output }) {
    const workspace = await chooseWorkspace(env, options);
    const credentials = credentialsOf(env, workspace);
    const client = new ComputeClient({ url: workspace.url, proof: workspace.proof, credentials });
    const session = credentials instanceof SessionCredentials ? await credentials.load() : undefined;
    let unreachable: UnreachableError | undefined;
    const whoami = await client.call("auth.whoami", {}).catch((error: unknown) => {
      if (!(error instanceof UnreachableError)) throw error;
      unreachable = error;
      // Only the server knows whose token TANVRIT_TOKEN is.
      return session && workspace.known?.identity;
    });
    const store = workspace.known?.credentialStore;
    const status = {
      workspace: workspace.name,
      url: workspace.url,
      user: whoami?.userName,
      userId: whoami?.userId,
      role: whoami?.role,
      business: whoami?.businessName,
      sessionId: whoami?.sessionId,
      accessTokenExpiresAt: session?.accessTokenExpiresAt,
      credentials:
        session && store ? (await openCredentialStore(store, env)).place : givenToken(env)?.variable,
    };
    if (options.json) await output.json({ ...status, serverReachable: unreachable === undefined });
    else await output.painted(formatFields(status, output.resultLook));
    if (unreachable) throw unreachable;
    return 0;
  },
});
