import { existsSync } from "node:fs";
import { LABEL } from "../../agent/executors/docker/container-config.ts";
import { DockerExecutor } from "../../agent/executors/docker/docker-executor.ts";
import { plainGrants } from "../../agent/executors/docker/settings.ts";
import type { Executor } from "../../agent/executors/port/executor.ts";
import type { ExecutorUnderTest } from "../contract/executor-stage.ts";
import { leaveBehind } from "../contract/leave-behind.ts";
import { testEngine, testImage } from "../support/docker.ts";

/** No test here needs a network, and a container without one starts sooner. */
export const ALONE = { network: "none" };

/** An executor with an agent id of its own, on the machine's engine. */
export async function dockerUnderTest(agentId: string = crypto.randomUUID()): Promise<ExecutorUnderTest> {
  const image = await testImage();
  const executor = createExecutor(agentId);
  const manifest = (command: string | string[]) => ({
    type: "DOCKER" as const,
    image,
    command,
    docker: ALONE,
  });
  return {
    executor,
    manifest: ({ sh }) => manifest(sh),
    successor: () => createExecutor(agentId),
    leaveBehind: ({ sh }, executionIds) =>
      leaveBehind({ factory: import.meta.path, argument: agentId, manifest: manifest(sh), executionIds }),
    unavailable: withoutEngine,
    remains: (executionId) => containersOf("execution", executionId),
    traits: {
      costly: true,
      namesSignals: false,
      // AMD's GPUs are plain devices that any engine can pass on.
      givesGpus: (await testEngine().facts()).nvidia || existsSync("/dev/kfd"),
    },
    [Symbol.asyncDispose]: () => executor.close(),
  };
}

/** Also called by name in the process that leaves something behind. */
export function createExecutor(agentId: string, environment = process.env): Executor {
  return new DockerExecutor({ agentId, environment, settings: () => plainGrants });
}

/** All containers with this label, running or not. */
export async function containersOf(mark: keyof typeof LABEL, value: string): Promise<string[]> {
  return (await containersWith(mark, value)).map(({ Id, State }) => `container ${Id} (${State})`);
}

export async function containerIds(mark: keyof typeof LABEL, value: string): Promise<string[]> {
  return (await containersWith(mark, value)).map(({ Id }) => Id);
}

function containersWith(mark: keyof typeof LABEL, value: string): Promise<{ Id: string; State: string }[]> {
  const filters = JSON.stringify({ label: [`${LABEL[mark]}=${value}`] });
  return testEngine().json("GET", "/containers/json", { query: { all: true, filters } });
}

async function withoutEngine(): Promise<{ executor: Executor } & AsyncDisposable> {
  const executor = createExecutor("nobody", { DOCKER_HOST: "unix:///nowhere/docker.sock" });
  return { executor, [Symbol.asyncDispose]: () => executor.close() };
}
