import { readNodeFile } from "../../agent/state/node-file.ts";
import { statePaths } from "../../agent/state/state-dir.ts";
import { ServerProof } from "../../sdk/machine/server-proof.ts";
import type { Env } from "../../shared/config/home.ts";
import type { Logger } from "../../shared/logger.ts";
import type { GivenTrust } from "../workspace/server-trust.ts";
import { type ChosenWorkspace, chooseWorkspace, isKnownWorkspace } from "../workspace/workspaces.ts";
import { agentStateDir } from "./state.ts";

/** Like `chooseWorkspace`, except that an agent remembers which server this machine is a node of. */
export async function chooseAgentWorkspace(
  env: Env,
  given: { workspace?: string; url?: string } & GivenTrust,
): Promise<ChosenWorkspace> {
  const { name, isKnown } = await isKnownWorkspace(env, given.workspace);
  if (given.url !== undefined || isKnown) return chooseWorkspace(env, given);
  const { url } = readNodeFile(statePaths(agentStateDir(env, name)).nodeFile) ?? {};
  return chooseWorkspace(env, { ...given, url });
}

/**
 * The proof that the URL leads to the server of the sign-in, or of the node. If neither knows the server's key yet, it is
 * learnt now.
 */
export function proofForAgent(workspace: ChosenWorkspace, stateDir: string, log: Logger): ServerProof {
  if (workspace.proof) return workspace.proof;
  const { url } = workspace;
  const { nodeFile } = statePaths(stateDir);
  const node = readNodeFile(nodeFile);
  return new ServerProof({
    url,
    key: node?.serverKey,
    pin: node?.url === url ? node.pin : undefined,
    todo: `If the server was set up again, remove ${nodeFile} and start the agent again; otherwise find out what listens there`,
    onUnproven: (why) =>
      log.warn(
        `The server at ${url} is trusted without proof: ${why}. If that is right, start it with --public-url ${url}; ` +
          "then this agent can tell it from another account's program that listens there.",
      ),
  });
}
