import { type FoundAgent, findAgent } from "../../agent/control/find-agent.ts";
import type { AgentStatus } from "../../agent/control/protocol.ts";
import type { TaskLimits } from "../../agent/limits/limits.ts";
import { bytesText } from "../../shared/bytes-text.ts";
import { counted } from "../../shared/counted.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { formatAge, formatFields } from "../output/format.ts";
import type { Look } from "../output/look.ts";
import { joinPainted, type Painted, paint } from "../output/paint.ts";
import { formatTable } from "../output/table.ts";
import { chooseAgentWorkspace } from "./server-of-node.ts";
import { agentStateDir, leftInWords } from "./state.ts";

export const command = defineCommand({
  options: clientOptions,
  examples: [
    { line: "agent status", does: "What this machine's agent is doing now" },
    { line: "agent status --json | jq '.status.running[].jobId'", does: "The jobs that run here" },
  ],
  details:
    "Asks the agent itself, not the server. Exits with 0 when the agent answers, with 69 when it is not running, and with\n" +
    "75 when it runs but does not answer.",
  async run({ options, env, output }) {
    const { name } = await chooseAgentWorkspace(env, options);
    const found = await findAgent(agentStateDir(env, name));
    if (options.json) await output.json({ workspace: name, ...found });
    else await output.painted(inWords(name, found, output.resultLook));
    return { running: exitCodes.ok, silent: exitCodes.tryAgain, absent: exitCodes.unreachable }[found.state];
  },
});

function inWords(workspace: string, found: FoundAgent, look: Look): Painted {
  if (found.state === "running") return statusInWords(workspace, found.status, look);
  if (found.state === "silent") {
    const todo = `Its jobs keep running. If it stays silent, kill process ${found.pid} and start the agent again.`;
    return paint(`${found.why} ${todo}`, undefined, look);
  }
  const { left } = found;
  const node = left.nodeId === undefined ? "It has never registered." : `It was node ${left.nodeId}.`;
  const rest = leftInWords(left) ?? "It left no work behind.";
  return paint(`The agent of workspace ${workspace} is not running here. ${node}\n${rest}`, undefined, look);
}

function statusInWords(workspace: string, status: AgentStatus, look: Look): Painted {
  const { node, server, settings, slots, running, waiting = 0, undelivered, cache } = status;
  const fields = formatFields(
    {
      agent: `process ${status.pid}, version ${status.version}, workspace ${workspace}, for ${formatAge(status.startedAt)}`,
      node: node ? `${node.name} (${node.nodeId})` : "not registered yet",
      server: `${server.url}, ${connectionInWords(server)}`,
      state: stateInWords(status),
      settings: settings.inWords,
      "settings read": `${formatAge(settings.readAt)} ago`,
      "settings now":
        settings.error && `${settings.error.replaceAll("\n", "; ")} (the previous settings stay in force)`,
      slots: `${slots.taken} of ${slots.total} taken${waiting > 0 ? `, ${counted(waiting, "job")} waiting for one` : ""}`,
      cache:
        cache &&
        `${bytesText(cache.bytes)} of at most ${bytesText(cache.maxBytes)} of files for the next jobs`,
      undelivered:
        undelivered > 0 ? `${counted(undelivered, "result")} not sent to the server yet` : undefined,
      "held by":
        status.supervisors.map((one) => `process ${one.pid} (build ${one.build})`).join(", ") || "nobody",
    },
    look,
  );
  const notices = (status.notices ?? []).map((notice) => paint(notice, "yellow", look));
  if (running.length === 0) return joinPainted([fields, ...notices], "\n\n");
  const rows = running.map((one) => [
    one.jobId ?? "",
    one.executionId,
    one.name ?? "",
    one.type ?? "",
    one.startedAt ? formatAge(one.startedAt) : (one.waitsFor ?? "starting"),
    limitsInWords(one.limits),
    one.enforcedBy ?? "",
  ]);
  const headings = ["JOB", "EXECUTION", "NAME", "TYPE", "FOR", "AT MOST", "ENFORCED BY"];
  return joinPainted(
    [fields, ...notices, formatTable(headings, rows, look, ["EXECUTION", "ENFORCED BY"])],
    "\n\n",
  );
}

function connectionInWords({ connection, by, awaySince, lastAnswerAt }: AgentStatus["server"]): string {
  const last = lastAnswerAt ? `last answer ${formatAge(lastAnswerAt)} ago` : "no answer yet";
  if (connection === "away" && awaySince) return `away for ${formatAge(awaySince)}, ${last}`;
  const how = by === undefined ? "" : ` over ${by === "socket" ? "a WebSocket" : "HTTP"}`;
  return connection === "up" ? `up${how}, ${last}` : last;
}

function stateInWords({ ending, refusing, suspended, nodeStatus }: AgentStatus): string {
  if (ending) return `ending: ${ending}`;
  if (nodeStatus === "DRAINING") return "DRAINING: no new jobs, until agent resume or node drain --undo";
  if (refusing) return `takes no jobs: ${refusing}`;
  if (suspended) return "asleep until a job comes";
  return nodeStatus ?? "starting";
}

function limitsInWords(limits: TaskLimits | undefined): string {
  const parts = [
    limits?.cpu !== undefined && counted(limits.cpu, "core"),
    limits?.memoryMb !== undefined && `${limits.memoryMb} MiB`,
    limits?.pids !== undefined && `${limits.pids} processes`,
  ].filter(Boolean);
  return parts.join(", ") || "the machine's own";
}
