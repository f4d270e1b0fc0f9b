import { closeSync, statSync } from "node:fs";
import { userInfo } from "node:os";
import { resolve } from "node:path";
import { z } from "zod";
import { pause } from "../wait.ts";
import { type Environment, jobEnvironment } from "./environment.ts";
import {
  type Executor,
  type ExecutorDescription,
  type Probe,
  type RunningTask,
  StartFailedError,
  type Task,
} from "./executor.ts";
import { MemorySampler } from "./memory-sampler.ts";
import { closePipe, createPipe, type Pipe, readPipe } from "./pipes.ts";
import { endStragglers, processesOf } from "./process-tree.ts";
import { type Child, ShellTask } from "./shell-task.ts";

/** How soon after its end a process that slipped out of its job's group is looked for. */
const SWEEP_MS = 1_000;

/** Runs commands under the agent's own account, each as the leader of a session and process group of its own. */
export class ShellExecutor implements Executor {
  readonly jobType = "COMMAND";
  private readonly sampler = new MemorySampler();
  /** Executions that ended since the last sweep. */
  private ended = new Set<string>();
  private sweeping: Promise<void> | undefined;
  private readonly closing = new AbortController();

  describe(): ExecutorDescription {
    return {
      jobType: this.jobType,
      summary: `commands under the account ${userInfo().username}`,
      schema: z.object({}),
      capabilities: { cpu: "none", memory: "none", pids: "none", enforcedBy: "nothing", gpus: true },
    };
  }

  async probe(): Promise<Probe> {
    const { platform, env } = process;
    if (platform === "win32" || Bun.which("sh", { PATH: env.PATH ?? "" })) return { available: true };
    return { available: false, why: "There is no sh in PATH; install a POSIX shell, or correct PATH." };
  }

  async start(task: Task, signal: AbortSignal): Promise<RunningTask> {
    if (signal.aborted) throw new StartFailedError("The start was given up before the command ran.");
    const { manifest, executionId } = task.assignment;
    const command = typeof manifest.command === "string" ? shell(manifest.command) : manifest.command;
    if (command === undefined) throw new StartFailedError("The job has no command to run.");
    const cwd = manifest.workdir === undefined ? task.dir : resolve(task.dir, manifest.workdir);
    const child = spawnChild(command, cwd, jobEnvironment(task));
    return new ShellTask(child, {
      executionId,
      output: task.output,
      sampler: this.sampler,
      onEnd: () => this.sweepLater(executionId),
    });
  }

  async recover(executionIds: readonly string[]): Promise<void> {
    if (executionIds.length > 0) await endStragglers(new Set(executionIds));
  }

  async close(): Promise<void> {
    this.closing.abort();
    await this.sweeping;
  }

  /**
   * A command may start a process in a session of its own that holds nothing of ours, and end. Looking for such
   * processes at every end would cost more than a short job does; one look a second for all that ended is cheap.
   */
  private sweepLater(executionId: string): void {
    if (process.platform !== "linux") return;
    this.ended.add(executionId);
    this.sweeping ??= this.sweep();
  }

  private async sweep(): Promise<void> {
    while (this.ended.size > 0) {
      await pause(SWEEP_MS, this.closing.signal);
      const ended = this.ended;
      this.ended = new Set();
      if (processesOf(ended).length > 0) await endStragglers(ended);
    }
    this.sweeping = undefined;
  }
}

function shell(text: string): string[] {
  return process.platform === "win32" ? ["cmd.exe", "/d", "/s", "/c", text] : ["sh", "-c", text];
}

function spawnChild(command: string[], cwd: string, env: Environment): Child {
  const out = createPipe();
  const err = out && createPipe();
  try {
    const child = Bun.spawn(command, {
      cwd,
      env,
      stdin: "ignore",
      stdout: err ? (out?.writeFd ?? "pipe") : "pipe",
      stderr: err ? err.writeFd : "pipe",
      // A session of its own: no terminal, and a process group that can be signalled as a whole.
      detached: true,
    });
    if (out && err) return { process: child, stdout: fromPipe(out), stderr: fromPipe(err) };
    if (out) closePipe(out);
    return {
      process: child,
      stdout: { stream: child.stdout as ReadableStream<Uint8Array>, close: () => {} },
      stderr: { stream: child.stderr as ReadableStream<Uint8Array>, close: () => {} },
    };
  } catch (error) {
    if (out) closePipe(out);
    if (err) closePipe(err);
    throw new StartFailedError(whyNotStarted(command[0] ?? "", cwd, error), { cause: error });
  }
}

/** The child has the write end; while we held it too, the pipe would never end. */
function fromPipe(pipe: Pipe) {
  closeSync(pipe.writeFd);
  return { stream: readPipe(pipe), close: () => closeSync(pipe.readFd) };
}

function whyNotStarted(program: string, cwd: string, error: unknown): string {
  const problem = directoryProblem(cwd);
  if (problem) return `The working directory ${cwd} ${problem}.`;
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "ENOENT") return `The program ${program} was not found on this node.`;
  if (code === "EACCES")
    return `The program ${program} may not be executed on this node (permission denied).`;
  if (code === "ENOEXEC") return `The program ${program} is not in a format this node can execute.`;
  if (code === "E2BIG") return `The command and its environment are too long for this node.`;
  return `The program ${program} could not be started: ${error instanceof Error ? error.message : String(error)}`;
}

function directoryProblem(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? undefined : "is not a directory";
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    return code === "ENOENT" ? "does not exist on this node" : `cannot be entered (${code})`;
  }
}
