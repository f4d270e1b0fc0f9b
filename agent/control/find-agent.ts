import { join } from "node:path";
import { pause } from "../../shared/wait.ts";
import { lockHolder } from "../state/lock.ts";
import { namesIn } from "../state/names-in.ts";
import { readNodeFile } from "../state/node-file.ts";
import { isResult } from "../state/outbox.ts";
import { statePaths } from "../state/state-dir.ts";
import { supervisorDir, supervisorNames } from "../supervisor/supervisor-dir.ts";
import { askAgent } from "./control-socket.ts";
import type { AgentStatus, ControlRequest } from "./protocol.ts";

/** The state of the agent of a state directory. */
export type FoundAgent =
  | { state: "running"; pid: number; status: AgentStatus }
  /** It runs but does not answer, or refuses the request. */
  | { state: "silent"; pid: number; why: string }
  | { state: "absent"; left: LeftByAgent };

/** What an agent that no longer runs has left. */
export interface LeftByAgent {
  /** Its node; absent: it has never registered. */
  nodeId?: string;
  /** Processes that still hold jobs. */
  supervisors: { pid: number; build: string; jobs: number }[];
  /** Executions that are over, whose results wait for the next agent. */
  undelivered: number;
  /** Executions whose supervisor is gone as well. Processes they left end when the next agent starts. */
  lost: number;
}

/** An agent listens as soon as it starts. An agent that is stopped or hangs never answers. */
const ANSWER_LIMIT_MS = 5_000;
/** Longer than the agent waits for its server when it is told to drain. */
const LONG_ANSWER_LIMIT_MS = 12_000;
const ASK_AGAIN_MS = 50;

/** Sends a request to the agent of this directory. */
export async function findAgent(
  stateDir: string,
  request: ControlRequest = { type: "status" },
): Promise<FoundAgent> {
  const { lock, control } = statePaths(stateDir);
  const limitMs = request.type === "status" ? ANSWER_LIMIT_MS : LONG_ANSWER_LIMIT_MS;
  const untilMs = performance.now() + limitMs;
  for (;;) {
    const answer = await askAgent(control, request, Math.max(1, untilMs - performance.now()));
    if (answer?.ok) return { state: "running", pid: answer.status.pid, status: answer.status };
    const pid = lockHolder(lock);
    if (pid === undefined) return { state: "absent", left: leftByAgent(stateDir) };
    if (answer) return { state: "silent", pid, why: answer.why };
    if (performance.now() >= untilMs) {
      const why = `The agent (process ${pid}) does not answer within ${limitMs / 1_000} s.`;
      return { state: "silent", pid, why };
    }
    await pause(ASK_AGAIN_MS);
  }
}

function leftByAgent(stateDir: string): LeftByAgent {
  const { nodeFile, supervisors: root } = statePaths(stateDir);
  const { nodeId } = readNodeFile(nodeFile) ?? {};
  const left: LeftByAgent = { nodeId, supervisors: [], undelivered: 0, lost: 0 };
  for (const build of supervisorNames(root)) {
    const { lock, work, outbox } = supervisorDir(join(root, build));
    const pid = lockHolder(lock);
    const jobs = namesIn(work).length;
    if (pid === undefined) left.lost += jobs;
    else left.supervisors.push({ pid, build, jobs });
    left.undelivered += namesIn(outbox).filter(isResult).length;
  }
  return left;
}
