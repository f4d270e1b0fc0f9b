import { pause } from "../../../shared/wait.ts";
import { LABEL } from "./container-config.ts";
import type { Engine } from "./engine.ts";
import { EngineError, hasStatus } from "./engine-error.ts";

/** The part of the answer from `/containers/ID/json` that is read here. */
export interface ContainerState {
  Running?: boolean;
  Pid?: number;
  ExitCode?: number;
  OOMKilled?: boolean;
  Error?: string;
}

export interface ContainerSummary {
  Id: string;
  Names?: string[] | null;
  Labels?: Record<string, string> | null;
  Mounts?: { Source?: string; Destination?: string }[] | null;
  Image?: string;
}

/** A busy engine with a slow disk takes tens of seconds to start a container. */
const START_MS = 120_000;
const KILL_MS = 20_000;
const REMOVE_MS = 60_000;
/** All attempts together take no longer than one attempt that hangs. */
const REMOVE_ATTEMPTS = 5;
/** If the engine itself has a problem, waiting longer does not help; the container is swept later. */
const REFUSED_ATTEMPTS = 3;
const REMOVE_PAUSE_MS = 500;

export async function createContainer(engine: Engine, name: string, body: unknown): Promise<string> {
  const created = await engine.json<{ Id: string }>("POST", "/containers/create", {
    query: { name },
    body,
    timeoutMs: START_MS,
  });
  return created.Id;
}

export async function startContainer(engine: Engine, id: string): Promise<void> {
  await engine.json("POST", `/containers/${id}/start`, { timeoutMs: START_MS });
}

export async function containerState(engine: Engine, id: string): Promise<ContainerState> {
  const { State } = await engine.json<{ State?: ContainerState }>("GET", `/containers/${id}/json`);
  return State ?? {};
}

/** Resolves once the container does not run. Throws EngineError if that takes longer than `timeoutMs`. */
export async function containerStopped(engine: Engine, id: string, timeoutMs: number): Promise<void> {
  await engine.json("POST", `/containers/${id}/wait`, { query: { condition: "not-running" }, timeoutMs });
}

/** Sends a signal. false: the container does not run any more. */
export async function signalContainer(engine: Engine, id: string, signal: string): Promise<boolean> {
  try {
    await engine.json("POST", `/containers/${id}/kill`, { query: { signal }, timeoutMs: KILL_MS });
    return true;
  } catch (error) {
    if (hasStatus(error, 404, 409)) return false;
    throw error;
  }
}

/**
 * Kills a container and removes it with its anonymous volumes. Succeeds too if the container is gone, or if another
 * client removes it. Tries several times, then throws the last EngineError.
 */
export async function removeContainer(engine: Engine, idOrName: string): Promise<void> {
  const giveUpMs = performance.now() + REMOVE_MS;
  for (let attempt = 1; ; attempt++) {
    try {
      await engine.json("DELETE", `/containers/${idOrName}`, {
        query: { force: true, v: true },
        timeoutMs: REMOVE_MS,
      });
      return;
    } catch (error) {
      if (hasStatus(error, 404)) return;
      // 409: it is already being removed; soon it will not be found any more.
      const isAwayOrBusy = error instanceof EngineError && (error.unreachable || error.status === 409);
      const attempts = isAwayOrBusy ? REMOVE_ATTEMPTS : REFUSED_ATTEMPTS;
      if (!(error instanceof EngineError) || attempt >= attempts || performance.now() > giveUpMs) throw error;
      await pause(REMOVE_PAUSE_MS * attempt);
    }
  }
}

/** All containers of this agent, and those of these executions, no matter which agent created them. */
export async function ourContainers(
  engine: Engine,
  agentId: string,
  executionIds: ReadonlySet<string>,
): Promise<ContainerSummary[]> {
  const labelled = await engine.json<ContainerSummary[]>("GET", "/containers/json", {
    query: { all: true, filters: JSON.stringify({ label: [LABEL.execution] }) },
  });
  return labelled.filter(({ Labels }) => {
    const execution = Labels?.[LABEL.execution] ?? "";
    return Labels?.[LABEL.agent] === agentId || executionIds.has(execution);
  });
}
