import { join } from "node:path";
import { EXECUTION_VARIABLE } from "../../process/environment.ts";
import { makeRunActions } from "../actions/builtin.ts";
import { DockerContainers } from "../containers/docker-containers.ts";
import { removeLeftContainers } from "../containers/left-containers.ts";
import { runJob } from "../steps/run-job.ts";
import { toolkitActions } from "../toolkit/builtin-actions.ts";
import { Toolkit } from "../toolkit/toolkit.ts";
import type { MakeParts } from "./engine-io.ts";
import { shellOnFailure } from "./shell-on-failure.ts";

/** The parts of the engine that run steps, actions, containers, caches and artifacts. */
export const makeEngineParts: MakeParts = (plan, { repository, signal, hurry }) => {
  const { cacheDirectory, runId } = plan;
  const outputDirectory = join(plan.directory, "artifacts");
  const toolkit = new Toolkit({ cacheDirectory, repository, runId, outputDirectory });
  const builtins = new Map(Object.entries(toolkitActions(toolkit)));
  const { actions, workflows } = makeRunActions(plan, builtins);
  const executionId = process.env[EXECUTION_VARIABLE] ?? runId;
  const environment = { ...process.env, ...plan.containerEnvironment };
  const containers = new DockerContainers({ executionId, environment });
  return {
    runJob,
    servicesFor: async (job, report) => ({
      report,
      actions,
      containers,
      hurry,
      actionEnv: await toolkit.environmentFor(job.key),
      ...(plan.shellOnFailure ? { onFailure: shellOnFailure(report) } : {}),
    }),
    readRemote: async (uses) => (await workflows.read(uses, repository, signal)).text,
    close: () => toolkit.close(),
    abandon: () => removeLeftContainers([executionId], environment),
  };
};
