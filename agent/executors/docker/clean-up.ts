import { textOf } from "../../../shared/text-of.ts";
import type { Task } from "../port/executor.ts";
import { containerLabels, LABEL, WORK_DIR } from "./container-config.ts";
import { type ContainerSummary, ourContainers, removeContainer, signalContainer } from "./containers.ts";
import type { Engine, EngineFacts } from "./engine.ts";
import { EngineError } from "./engine-error.ts";
import { hasForeignFiles, takeOverFiles } from "./ownership.ts";

const FILES_PREFIX = "tanvrit-files-";

export interface Leftovers {
  agentId: string;
  executionIds: ReadonlySet<string>;
  /** Executions that are running here. */
  live: ReadonlySet<string>;
}

/**
 * Ends and removes all containers of this agent, or of these executions, whose execution is not live. Throws if one cannot
 * be removed.
 */
export async function removeLeftovers(engine: Engine, facts: EngineFacts, wanted: Leftovers): Promise<void> {
  const { agentId, executionIds, live } = wanted;
  const found = await ourContainers(engine, agentId, executionIds);
  const left = found.filter(({ Labels }) => !live.has(Labels?.[LABEL.execution] ?? ""));
  const isHelper = ({ Names }: ContainerSummary) =>
    Names?.some((name) => name.startsWith(`/${FILES_PREFIX}`));
  await Promise.all(left.filter(isHelper).map(({ Id }) => removeContainer(engine, Id)));
  await Promise.all(
    left
      .filter((container) => !isHelper(container))
      .map(async (container) => {
        const dir = container.Mounts?.find(({ Destination }) => Destination === WORK_DIR)?.Source;
        await signalContainer(engine, container.Id, "SIGKILL");
        // Take over its files first: only the container shows which directory it used.
        if (dir && container.Image && (await hasForeignFiles(dir))) {
          const name = `${FILES_PREFIX}${container.Labels?.[LABEL.execution] ?? container.Id}`;
          const { Image: image, Labels } = container;
          const order = { image, dir, name, labels: Labels ?? {}, rootless: facts.rootless };
          // A failure is reported when the directory is removed. A container that stayed would block every job.
          await takeOverFiles(engine, order).catch(() => {});
        }
        await removeContainer(engine, container.Id);
      }),
  );
}

/**
 * Removes a container that has ended, and makes the agent the owner of the files it wrote. Failures go to the job's log.
 * `"left"`: the container must be swept later.
 */
export async function cleanUpAfter(
  engine: Engine,
  facts: EngineFacts,
  task: Task,
  container: { id: string; agentId: string },
): Promise<"done" | "left" | "unreachable"> {
  const { executionId, manifest } = task.assignment;
  const { image = "" } = manifest;
  try {
    if (await hasForeignFiles(task.dir)) {
      const labels = containerLabels(task, container.agentId);
      const name = `${FILES_PREFIX}${executionId}`;
      await takeOverFiles(engine, { image, dir: task.dir, name, labels, rootless: facts.rootless });
    }
  } catch (error) {
    task.output.system(
      `Files that the container created as another user could not be taken over and may stay in ${task.dir}: ${textOf(error)}`,
    );
  }
  try {
    await removeContainer(engine, container.id);
    return "done";
  } catch (error) {
    task.output.system(`The container could not be removed yet; the agent keeps trying: ${textOf(error)}`);
    return error instanceof EngineError && error.unreachable ? "unreachable" : "left";
  }
}
