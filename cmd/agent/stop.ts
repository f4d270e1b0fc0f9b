import { findAgent } from "../../agent/control/find-agent.ts";
import type { AgentStatus, StopHow } from "../../agent/control/protocol.ts";
import { stopAgent, untilGone } from "../../agent/control/stop-agent.ts";
import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { chooseAgentWorkspace } from "./server-of-node.ts";
import { agentStateDir, leftInWords } from "./state.ts";

const options = defineOptions({
  "keep-jobs": flagOption(
    "Stop it immediately; its jobs keep running, and the next agent run here takes them over",
  ),
  now: flagOption("Cancel its jobs, then stop it"),
  ...clientOptions,
});

/** How often the number of running jobs is checked. */
const LOOK_MS = 1_000;
/** How long it may take to hand over results and exit, once no job must be waited for. */
const LEAVE_LIMIT_MS = 30_000;

export const command = defineCommand({
  options,
  examples: [
    { line: "agent stop", does: "Stop it when its jobs have ended" },
    { line: "agent stop --keep-jobs", does: "Stop it immediately; its jobs keep running" },
    { line: "agent stop --now", does: "Cancel its jobs and stop it" },
  ],
  details:
    "Returns when the agent has ended. Ctrl-C ends only this command; the agent still ends. If no agent is\n" +
    "running, there is nothing to do, and it exits with 0.",
  async run({ options, env, output }) {
    const how = howOf(options);
    const { name } = await chooseAgentWorkspace(env, options);
    const stateDir = agentStateDir(env, name);
    const found = await stopAgent(stateDir, how);
    if (found.state === "silent") throw stuck(found.why, found.pid);
    if (found.state === "running") await untilEnded(stateDir, how, found.status, output);
    else await output.note(`The agent of workspace ${name} is not running here.`);
    const after = found.state === "running" ? await findAgent(stateDir) : found;
    const left = after.state === "absent" ? after.left : undefined;
    const words = left && leftInWords(left);
    if (words !== undefined) await output.note(words);
    if (options.json) await output.json({ workspace: name, wasRunning: found.state === "running", left });
    return exitCodes.ok;
  },
});

function howOf(given: { "keep-jobs": boolean; now: boolean }): StopHow {
  if (given["keep-jobs"] && given.now) {
    throw new CliError("usage", "--keep-jobs and --now cannot be used together", {
      todo: "Use only one of them",
    });
  }
  if (given.now) return "cancel";
  return given["keep-jobs"] ? "leave" : "drain";
}

/** Waits as long as jobs run, but not for long for an agent that has no job left. */
async function untilEnded(
  stateDir: string,
  how: StopHow,
  status: AgentStatus,
  output: Output,
): Promise<void> {
  let running = status.running.length;
  if (how === "drain" && running > 0) await output.note(`Waiting for ${counted(running, "job")} to end.`);
  let graceUntilMs = performance.now() + LEAVE_LIMIT_MS;
  while (!(await untilGone(stateDir, LOOK_MS))) {
    const found = await findAgent(stateDir);
    if (found.state === "silent") throw stuck(found.why, found.pid);
    if (found.state === "absent") return;
    const now = found.status.running.length;
    if (now !== running)
      await output.note(now > 0 ? `${counted(now, "job")} still running.` : "All jobs have ended.");
    running = now;
    if (running > 0 && how !== "leave") graceUntilMs = performance.now() + LEAVE_LIMIT_MS;
    if (performance.now() > graceUntilMs) throw stuck("The agent was told to end and still runs.", found.pid);
  }
  await output.note("The agent has ended.");
}

function stuck(why: string, pid: number): CliError {
  return new CliError("try_again", why, {
    todo: `Check its log, or kill it with kill -9 ${pid}: its jobs keep running, and the next agent run takes them over`,
  });
}
