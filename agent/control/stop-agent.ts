import { pause } from "../../shared/wait.ts";
import { lockHolder } from "../state/lock.ts";
import { statePaths } from "../state/state-dir.ts";
import { type FoundAgent, findAgent } from "./find-agent.ts";
import type { StopHow } from "./protocol.ts";

/** An agent that leaves first delivers what it can and disconnects from its supervisors. */
const LEAVE_LIMIT_MS = 30_000;
const MAX_LOOK_PAUSE_MS = 50;

/** Tells a running agent to leave its jobs to the next agent, and waits until it is gone. Returns why that failed; undefined: it did not. */
export async function replaceAgent(stateDir: string): Promise<string | undefined> {
  const found = await stopAgent(stateDir, "leave");
  if (found.state === "absent") return undefined;
  if (found.state === "silent") return found.why;
  const isGone = await untilGone(stateDir, LEAVE_LIMIT_MS);
  return isGone ? undefined : `The agent (process ${found.pid}) was told to leave but still runs.`;
}

/** Asks the agent of this directory to stop. It answers before it has ended; see `untilGone`. */
export function stopAgent(stateDir: string, how: StopHow): Promise<FoundAgent> {
  return findAgent(stateDir, { type: "stop", how });
}

/** Whether the agent releases its directory within that time. */
export async function untilGone(stateDir: string, limitMs: number): Promise<boolean> {
  const { lock } = statePaths(stateDir);
  const untilMs = performance.now() + limitMs;
  // A lock does not announce that it is free. Looking is cheap, and a takeover should cost only milliseconds.
  for (let waitMs = 1; lockHolder(lock) !== undefined; waitMs = Math.min(waitMs * 2, MAX_LOOK_PAUSE_MS)) {
    if (performance.now() >= untilMs) return false;
    await pause(waitMs);
  }
  return true;
}
