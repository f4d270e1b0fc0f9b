import { LABEL } from "../../agent/executors/docker/container-config.ts";
import { DockerExecutor } from "../../agent/executors/docker/docker-executor.ts";
import type { Executor } from "../../agent/executors/executor.ts";
import type { ExecutorUnderTest } from "../contract/executor-stage.ts";
import { leaveBehind } from "../contract/leave-behind.ts";
import { testEngine, testImage } from "../support/docker.ts";

/** An agent of its own, with the machine's engine. */
export async function dockerUnderTest(): Promise<ExecutorUnderTest> {
  const agentId = crypto.randomUUID();
  const image = await testImage();
  const executor = createExecutor(agentId);
  return {
    executor,
    manifest: ({ sh }) => ({ type: "DOCKER", image, command: sh }),
    successor: () => createExecutor(agentId),
    leaveBehind: ({ sh }, executionIds) => {
      const manifest = { type: "DOCKER" as const, image, command: sh };
      return leaveBehind({ factory: import.meta.path, argument: agentId, manifest, executionIds });
    },
    unavailable: withoutEngine,
    remains: (executionId) => containersOf("execution", executionId),
    traits: {
      costly: true,
      namesSignals: false,
      fields: {
        accepted: [{ image }, { image, docker: { pull: "never", network: "none" } }],
        refused: [
          "text",
          {},
          { image: "" },
          { image, docker: { pull: "sometimes" } },
          { image, docker: { no: 1 } },
        ],
      },
    },
    [Symbol.asyncDispose]: () => executor.close(),
  };
}

/** Called by its name in the process that leaves something behind, too. */
export function createExecutor(agentId: string, environment = process.env): Executor {
  const docker = { allowSocket: false, mounts: [], capabilities: [] };
  return new DockerExecutor({ agentId, environment, settings: () => ({ registries: {}, docker }) });
}

/** The names of all containers that carry this mark, running or not. */
export async function containersOf(mark: keyof typeof LABEL, value: string): Promise<string[]> {
  const found = await testEngine().json<{ Id: string; State: string }[]>("GET", "/containers/json", {
    query: { all: true, filters: JSON.stringify({ label: [`${LABEL[mark]}=${value}`] }) },
  });
  return found.map(({ Id, State }) => `container ${Id} (${State})`);
}

async function withoutEngine(): Promise<{ executor: Executor } & AsyncDisposable> {
  const executor = createExecutor("nobody", { DOCKER_HOST: "unix:///nowhere/docker.sock" });
  return { executor, [Symbol.asyncDispose]: () => executor.close() };
}
