import { findAgent } from "../../agent/control/find-agent.ts";
import type { Env } from "../../shared/config/home.ts";
import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import type { GivenTrust } from "../workspace/server-trust.ts";
import { agentSilent, changeOwnNode, type OwnNode } from "./own-node.ts";
import { agentStateDir, jobsOpen } from "./state.ts";

const options = defineOptions({
  ...clientOptions,
  wait: flagOption("Wait until nothing is running here any more"),
});

const LOOK_MS = 500;
/** A job may have been on its way when the node was drained. It shows up within one look. */
const QUIET_LOOKS = 2;

export const command = defineCommand({
  options,
  examples: [
    {
      line: "agent drain --wait && reboot",
      does: "Before maintenance: start nothing new, and wait for what runs",
    },
  ],
  details:
    "Goes through the agent if it is running, otherwise through your sign-in. The server remembers it: a restart does not undo it, agent\n" +
    "resume does.",
  async run({ options, env, output }) {
    const own = await changeOwnNode(env, options, "drain", output);
    await output.note(`${own.name} takes no new jobs; ${counted(own.running, "job")} still running.`);
    if (options.wait) await untilQuiet(own, env, options, output);
    if (options.json) await output.json({ nodeId: own.nodeId, status: "DRAINING" });
    return exitCodes.ok;
  },
});

type Given = { workspace?: string; url?: string } & GivenTrust;

/** Prints how many jobs are left whenever the number changes. */
async function untilQuiet(own: OwnNode, env: Env, given: Given, output: Output): Promise<void> {
  const look = own.byAgent ? () => leftAtAgent(own, env) : await lookAtServer(own.nodeId, env, given, output);
  let told = own.running;
  for (let quiet = 0; quiet < QUIET_LOOKS; ) {
    await Bun.sleep(LOOK_MS);
    const left = await look();
    quiet = left === 0 ? quiet + 1 : 0;
    if (left === told) continue;
    told = left;
    await output.note(left === 0 ? "Nothing is running any more." : `${counted(left, "job")} still running.`);
  }
}

async function leftAtAgent(own: OwnNode, env: Env): Promise<number> {
  const found = await findAgent(agentStateDir(env, own.workspace));
  if (found.state === "silent") throw agentSilent(found.why);
  if (found.state === "absent") {
    const jobs = jobsOpen(found.left);
    if (jobs === 0) return 0;
    throw new CliError("unreachable", `the agent has ended and left ${counted(jobs, "job")} behind`, {
      todo: "Start it again with tanvrit-compute agent run; the node stays drained",
    });
  }
  const { nodeStatus, running, undelivered, server } = found.status;
  if (nodeStatus !== "DRAINING" && server.connection === "up") throw undone();
  return running.length + undelivered;
}

async function lookAtServer(
  nodeId: string,
  env: Env,
  given: Given,
  output: Output,
): Promise<() => Promise<number>> {
  const { nodes } = await connect(env, given);
  return async () => {
    const node = await nodes.retrieve(nodeId, patience(output));
    if (node.status === "ACTIVE" || node.status === "SUSPENDED") throw undone();
    return node.runningExecutions;
  };
}

function undone(): CliError {
  return new CliError("try_again", "the node takes jobs again: somebody undid the drain", {
    todo: "Drain it again if it should stay drained",
  });
}
