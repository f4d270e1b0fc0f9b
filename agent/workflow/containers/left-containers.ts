import { LABEL } from "../../executors/docker/container-config.ts";
import { type ContainerSummary, removeContainer } from "../../executors/docker/containers.ts";
import { findEngine, NoEngineError } from "../../executors/docker/endpoint.ts";
import { Engine } from "../../executors/docker/engine.ts";
import { EngineError } from "../../executors/docker/engine-error.ts";

/** What finds the engine of this machine. */
const ENGINE_VARIABLES = [
  "DOCKER_HOST",
  "DOCKER_CONTEXT",
  "DOCKER_CONFIG",
  "DOCKER_TLS",
  "DOCKER_TLS_VERIFY",
  "DOCKER_CERT_PATH",
  "XDG_RUNTIME_DIR",
];

/** The variables that a workflow's containers need from an agent's environment. */
export function engineEnvironment(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const set = ENGINE_VARIABLES.flatMap((name) => {
    const value = env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return Object.fromEntries(set);
}

/** Removes the containers and networks of workflows whose engine was killed. Without an engine there are none. */
export async function removeLeftContainers(
  executionIds: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<void> {
  try {
    const engine = new Engine(findEngine(env));
    for (const executionId of executionIds) await removeOf(engine, executionId);
  } catch (error) {
    const isAway = error instanceof EngineError && error.unreachable;
    if (!(error instanceof NoEngineError) && !isAway) throw error;
  }
}

async function removeOf(engine: Engine, executionId: string): Promise<void> {
  const filters = JSON.stringify({ label: [`${LABEL.execution}=${executionId}`] });
  const containers = await engine.json<ContainerSummary[]>("GET", "/containers/json", {
    query: { all: true, filters },
  });
  for (const { Id } of containers) await removeContainer(engine, Id);
  const networks = await engine.json<{ Id: string }[]>("GET", "/networks", { query: { filters } });
  for (const { Id } of networks) await engine.json("DELETE", `/networks/${Id}`);
}
