import { findAgent } from "../../agent/control/find-agent.ts";
import type { Env } from "../../shared/config/home.ts";
import { connect, patience } from "../connection/connect.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import type { GivenTrust } from "../workspace/server-trust.ts";
import { chooseAgentWorkspace } from "./server-of-node.ts";
import { agentStateDir } from "./state.ts";

/** This machine's node in a workspace. */
export type OwnNode = {
  workspace: string;
  name: string;
  /** Jobs that run on it, or are about to. */
  running: number;
} & (
  | {
      /** The agent runs here and did it. */
      byAgent: true;
      /** Undefined if it has not registered yet. */
      nodeId: string | undefined;
    }
  | {
      /** It was done through the owner's sign-in. */
      byAgent: false;
      nodeId: string;
    }
);

export function agentSilent(why: string): CliError {
  return new CliError("try_again", why, { todo: "See tanvrit-compute agent status" });
}

/** Drains this machine's node, or undoes it. */
export async function changeOwnNode(
  env: Env,
  given: { workspace?: string; url?: string } & GivenTrust,
  what: "drain" | "resume",
  output: Output,
): Promise<OwnNode> {
  const { name: workspace } = await chooseAgentWorkspace(env, given);
  const found = await findAgent(agentStateDir(env, workspace), { type: what });
  if (found.state === "silent") throw agentSilent(found.why);
  if (found.state === "running") {
    const { node, running, undelivered } = found.status;
    const { nodeId, name } = node ?? { nodeId: undefined, name: "this machine" };
    return { workspace, nodeId, name, running: running.length + undelivered, byAgent: true };
  }
  const { nodeId } = found.left;
  if (nodeId === undefined) {
    throw new CliError("not_found", `this machine has never been a node of workspace ${workspace}`, {
      todo: "Start the agent first: tanvrit-compute agent run",
    });
  }
  const { nodes } = await connect(env, given);
  const node = await (what === "drain"
    ? nodes.drain(nodeId, patience(output))
    : nodes.undrain(nodeId, patience(output)));
  return { workspace, nodeId, name: node.name, running: node.runningExecutions, byAgent: false };
}
