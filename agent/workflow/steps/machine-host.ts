import { closeSync } from "node:fs";
import { withGivenUmask } from "../../../shared/umask.ts";
import { inTime } from "../../../shared/wait.ts";
import { whyNotStarted } from "../../executors/shell/spawn.ts";
import { allowedEnvironment, type Environment, EXECUTION_VARIABLE } from "../../process/environment.ts";
import { closePipe, createPipe, readPipe } from "../../process/pipes.ts";
import type { HostExit, HostProgram, StepHost } from "../job.ts";
import type { JobProcesses } from "./job-processes.ts";

/** A process that a step left behind may hold the pipe: reading stops after this long without a byte, or in total. */
const SILENCE_MS = 500;
const HELD_LIMIT_MS = 5_000;
const LOOK_MS = 50;

/** Runs the processes of a job's steps on this machine. */
export class MachineHost implements StepHost {
  readonly os = process.platform === "darwin" ? "macOS" : process.platform === "win32" ? "Windows" : "Linux";
  private readonly own = ownEnvironment();

  constructor(private readonly processes: JobProcesses) {}

  async run({ argv, cwd, env, onOutput, cancel }: HostProgram): Promise<HostExit> {
    const pipe = createPipe();
    if (!pipe) return { notStarted: "This machine has no pipe left for the output of the step." };
    let child: Bun.Subprocess;
    try {
      child = withGivenUmask(() =>
        Bun.spawn([...argv], {
          cwd,
          env: { ...this.own, ...env, ...this.processes.variables },
          stdin: "ignore",
          stdout: pipe.writeFd,
          stderr: pipe.writeFd,
          // A session of its own: no terminal, and a process group that can be signalled as a whole.
          detached: true,
        }),
      );
    } catch (error) {
      closePipe(pipe);
      return { notStarted: whyNotStarted(argv[0] ?? "", cwd, error) };
    }
    closeSync(pipe.writeFd);
    this.processes.started(child.pid);
    const output = new Output(readPipe(pipe), pipe.readFd, onOutput);
    let stopping: Promise<void> | undefined;
    const stop = () => {
      stopping = this.processes.stop(child.pid);
    };
    cancel.addEventListener("abort", stop, { once: true });
    if (cancel.aborted) stop();
    await child.exited;
    cancel.removeEventListener("abort", stop);
    await stopping;
    await output.rest(cancel);
    this.processes.leaderEnded(child.pid);
    return child.signalCode ? { signal: String(child.signalCode) } : { exitCode: child.exitCode ?? 0 };
  }

  async which(program: string, path: readonly string[]): Promise<string | undefined> {
    return Bun.which(program, { PATH: [...path, await this.basePath()].join(":") }) ?? undefined;
  }

  guestPath(path: string): string {
    return path;
  }

  basePath(): Promise<string> {
    return Promise.resolve(this.own.PATH ?? "/usr/local/bin:/usr/bin:/bin");
  }
}

function ownEnvironment(): Environment {
  const id = process.env[EXECUTION_VARIABLE];
  const allowed = allowedEnvironment(process.env);
  return id === undefined ? allowed : { ...allowed, [EXECUTION_VARIABLE]: id };
}

/** What a process writes. After its end the pipe is read on, so that what it left behind can write, but nobody hears it. */
class Output {
  private readonly over: Promise<void>;
  private lastReadMs = performance.now();
  private heard = true;
  /** The log has no room, so nothing is read although there may be more. */
  private isBlocked = false;

  constructor(
    stream: ReadableStream<Uint8Array>,
    fd: number,
    private readonly onOutput: HostProgram["onOutput"],
  ) {
    this.over = this.read(stream).finally(() => closeSync(fd));
  }

  /** Call it when the process has ended. `cancel` fires when nobody needs the rest. */
  async rest(cancel: AbortSignal): Promise<void> {
    const startMs = performance.now();
    this.lastReadMs = startMs;
    const ended = this.over.then(() => true);
    while (!(await inTime(LOOK_MS, ended))) {
      const nowMs = performance.now();
      if (this.isBlocked && !cancel.aborted) continue;
      if (nowMs - this.lastReadMs >= SILENCE_MS || nowMs - startMs >= HELD_LIMIT_MS) break;
    }
    this.heard = false;
  }

  private async read(stream: ReadableStream<Uint8Array>): Promise<void> {
    try {
      for await (const bytes of stream) {
        this.lastReadMs = performance.now();
        if (!this.heard) continue;
        const room = this.onOutput(bytes);
        if (!room) continue;
        this.isBlocked = true;
        await room;
        this.isBlocked = false;
        this.lastReadMs = performance.now();
      }
    } catch {
      // A broken pipe has no more output.
    }
  }
}
