import { existsSync } from "node:fs";
import { join } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import { ACTIONS_DIRECTORY, SOURCE_DIRECTORY } from "../../../shared/workflow-request.ts";
import type { LimitEnforcement } from "../../limits/limit-enforcer.ts";
import type { TaskSample, TaskUsage } from "../../limits/limits.ts";
import { engineEnvironment, removeLeftContainers } from "../../workflow/containers/left-containers.ts";
import { engineExit, type RunPlanInput } from "../../workflow/plan.ts";
import {
  type EventsFile,
  type Executor,
  type Probe,
  type RunningTask,
  StartFailedError,
  type Task,
  type TaskExit,
} from "../port/executor.ts";
import type { ShellExecutor } from "../shell/shell-executor.ts";
import type { ShellTask } from "../shell/shell-task.ts";
import { EngineFiles } from "./engine-files.ts";
import { whyFailed } from "./why-failed.ts";

/** Below it the engine leaves the artifacts of the run. */
const ARTIFACTS_DIRECTORY = "artifacts";

/**
 * Runs GitHub Actions workflows. The engine that does it is a program of its own, and runs like the command of a COMMAND job:
 * with the same limits, account and keeper. It gets its plan as a file, and appends what happens to another file.
 */
export class WorkflowExecutor implements Executor {
  readonly jobType = "GITHUB_ACTION";

  /**
   * @param shell runs the engine; it also ends what an earlier process left.
   * @param engine the program and its arguments before the path of the plan.
   */
  constructor(
    private readonly shell: ShellExecutor,
    private readonly engine: readonly string[],
  ) {}

  enforcement(): LimitEnforcement {
    return this.shell.enforcement();
  }

  probe(): Promise<Probe> {
    return this.shell.probe();
  }

  async start(task: Task, signal: AbortSignal): Promise<RunningTask> {
    if (signal.aborted) throw new StartFailedError("The start was given up before the workflow ran.");
    const files = EngineFiles.make(task.dir, task.account);
    try {
      files.write(planOf(task, files), task.workflow?.secrets ?? {});
      const command = [...this.engine, files.plan];
      const how = { command, cwd: task.dir, stopSignal: "SIGTERM", stopsItsChildren: true };
      return new EngineTask(await this.shell.run(task, how), files, task);
    } catch (error) {
      files.close();
      throw this.explained(error, task);
    }
  }

  /** Another account needs the right to run the program of the agent. */
  private explained(error: unknown, { account }: Task): unknown {
    if (!account || !(error instanceof StartFailedError)) return error;
    const todo = `Workflows run as ${account.name} here: that account must be able to read and run ${this.engine[0]}, which is the agent's own program, for example in /usr/local/bin.`;
    return new StartFailedError(`${error.message} ${todo}`, { cause: error });
  }

  recover(executionIds: readonly string[]): Promise<void> {
    return executionIds.length === 0 ? Promise.resolve() : removeLeftContainers(executionIds, process.env);
  }

  async close(): Promise<void> {}
}

function planOf({ assignment, dir, workflow }: Task, files: EngineFiles): RunPlanInput {
  const { manifest, jobId, attempt, userId } = assignment;
  if (!manifest.workflow || !workflow) throw new StartFailedError("The job has no workflow to run.");
  const actions = join(dir, ACTIONS_DIRECTORY);
  return {
    request: manifest.workflow,
    runId: jobId,
    attempt,
    ...(userId === undefined ? {} : { actor: userId }),
    directory: dir,
    source: join(dir, SOURCE_DIRECTORY),
    cacheDirectory: workflow.cacheDirectory,
    ...(existsSync(actions) ? { actionStore: actions } : {}),
    ...(workflow.actionsUrl === undefined ? {} : { actionsUrl: workflow.actionsUrl }),
    eventsFile: files.events.path,
    secretsFile: files.secrets,
    nodeLabels: workflow.nodeLabels,
    containerEnvironment: engineEnvironment(process.env),
    runsOn: workflow.runsOn,
    ...(workflow.previous ? { previous: workflow.previous } : {}),
  };
}

class EngineTask implements RunningTask {
  readonly stopSignal = "SIGTERM";
  readonly ownOutputs = [`${ARTIFACTS_DIRECTORY}/**`];
  readonly events: EventsFile;
  private over: Promise<TaskExit> | undefined;

  constructor(
    private readonly process: ShellTask,
    private readonly files: EngineFiles,
    private readonly task: Task,
  ) {
    this.events = files.events;
  }

  get outputRoot(): string {
    return this.process.outputRoot;
  }

  wait(): Promise<TaskExit> {
    this.over ??= this.untilOver();
    return this.over;
  }

  stop(graceMs: number): void {
    this.process.stop(graceMs);
  }

  usage(): TaskUsage {
    return this.process.usage();
  }

  sample(): TaskSample | undefined {
    return this.process.sample();
  }

  private async untilOver(): Promise<TaskExit> {
    const exit = await this.process.wait();
    try {
      if (exit.signal !== undefined) await this.removeContainers();
      if (exit.exitCode === 0) return exit;
      const message = whyFailed(exit, this.files.run());
      const ended = message === undefined ? exit : { ...exit, message };
      return exit.exitCode === engineExit.cancelled ? { ...ended, cancelled: true } : ended;
    } finally {
      this.files.close();
    }
  }

  /** An engine that was killed could not remove its containers. */
  private async removeContainers(): Promise<void> {
    const { assignment, output } = this.task;
    try {
      await removeLeftContainers([assignment.executionId], process.env);
    } catch (error) {
      output.system(`Containers of the workflow could not be removed: ${textOf(error)}`);
    }
  }
}
