import { ComputeClient } from "../../sdk/client.ts";
import { ComputeError, UnreachableError } from "../../sdk/errors.ts";
import type { EndpointOutput } from "../../shared/endpoints/index.ts";
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
  details: `Shows what is known even if nobody is signed in or the server is away. Exits with 0 only if the server accepts the
sign-in, with 77 if nobody is signed in or the session has ended, and with 69 if the server cannot be reached.`,
  async run({ options, env, output }) {
    const workspace = await chooseWorkspace(env, options);
    const { name, url, proof, known } = workspace;
    const credentials = credentialsOf(env, workspace);
    const client = new ComputeClient({ url, proof, credentials });
    let problem: Error | undefined;
    const failed = (error: Error) => {
      problem = error;
      return undefined;
    };
    const session =
      credentials instanceof SessionCredentials ? await credentials.load().catch(failed) : undefined;
    const whoami = problem ? undefined : await client.call("auth.whoami", {}).catch(failed);
    const isAway = problem instanceof UnreachableError;
    // Only the server knows whose token a variable has.
    const who: Partial<EndpointOutput<"auth.whoami">> | undefined =
      whoami ?? (isAway ? session?.identity : undefined);
    const store = session && known?.credentialStore;
    const status = {
      workspace: name,
      url,
      fingerprint: proof?.pin?.fingerprint,
      signedIn: whoami !== undefined || (isAway && session !== undefined),
      user: who?.userName,
      userId: who?.userId,
      role: who?.role,
      business: who?.businessName,
      sessionId: who?.sessionId,
      apiKeyId: whoami?.apiKeyId,
      signedInBy: session?.way ?? givenToken(env)?.variable,
      signedInAt: whoami?.signedInAt ?? session?.signedInAt,
      sessionEndsAt: whoami?.sessionEndsAt,
      accessTokenExpiresAt: session?.accessTokenExpiresAt,
      credentials: store ? (await openCredentialStore(store, env)).place : givenToken(env)?.variable,
    };
    if (options.json) await output.json({ ...status, serverReachable: reachable(whoami, problem) });
    else await output.painted(formatFields(status, output.resultLook));
    if (problem) throw problem;
    return 0;
  },
});

/** undefined: the server was not asked. */
function reachable(whoami: object | undefined, problem: Error | undefined): boolean | undefined {
  if (problem instanceof UnreachableError) return false;
  const isAnswer = problem instanceof ComputeError && problem.cause !== undefined;
  return whoami !== undefined || isAnswer ? true : undefined;
}
