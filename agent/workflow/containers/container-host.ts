import { textOf } from "../../../shared/text-of.ts";
import type { Engine } from "../../executors/docker/engine.ts";
import { FrameReader } from "../../executors/docker/frames.ts";
import type { HostExit, HostProgram, StepHost } from "../job.ts";
import type { GuestPaths } from "./guest-paths.ts";
import { stopLadder } from "./stop-ladder.ts";

/** What the engine sets if an image names no PATH. */
const USUAL_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const EXEC_START_MS = 120_000;
const QUICK_MS = 30_000;
/** A program that the container does not have. */
const NOT_FOUND = new Set([126, 127]);

/** The job's container: each step is a program that the engine starts in it. */
export class ContainerHost implements StepHost {
  readonly os = "Linux";
  private path: Promise<string> | undefined;

  constructor(
    private readonly engine: Engine,
    private readonly containerId: string,
    private readonly paths: GuestPaths,
  ) {}

  guestPath(path: string): string {
    return this.paths.guest(path);
  }

  basePath(): Promise<string> {
    this.path ??= this.readPath();
    return this.path;
  }

  async which(program: string, path: readonly string[]): Promise<string | undefined> {
    const full = [...path, await this.basePath()].join(":");
    const lines: string[] = [];
    const exit = await this.exec({
      argv: ["sh", "-c", 'PATH="$2" command -v -- "$1"', "sh", program, full],
      cwd: "/",
      env: {},
      onOutput: (bytes) => void lines.push(Buffer.from(bytes).toString()),
      cancel: AbortSignal.timeout(QUICK_MS),
    });
    const found = lines.join("").trim();
    return "exitCode" in exit && exit.exitCode === 0 && found !== "" ? found : undefined;
  }

  run(program: HostProgram): Promise<HostExit> {
    return this.exec(program);
  }

  private async exec({ argv, cwd, env, onOutput, cancel }: HostProgram): Promise<HostExit> {
    const { engine, containerId, paths } = this;
    let execId: string;
    try {
      const created = await engine.json<{ Id: string }>("POST", `/containers/${containerId}/exec`, {
        body: {
          Cmd: argv.map((word) => paths.guest(word)),
          Env: paths.guestEnv(env),
          WorkingDir: paths.guest(cwd),
          AttachStdout: true,
          AttachStderr: true,
        },
      });
      execId = created.Id;
    } catch (error) {
      return { notStarted: `The job's container cannot run ${argv[0]}: ${textOf(error)}` };
    }
    const ladder = stopLadder(cancel, (signal) => this.signal(execId, signal));
    try {
      const stream = await engine.stream("POST", `/exec/${execId}/start`, {
        body: { Detach: false, Tty: false },
        timeoutMs: EXEC_START_MS,
      });
      const reader = new FrameReader();
      for await (const chunk of stream) for (const { bytes } of reader.push(chunk)) await onOutput(bytes);
      const { ExitCode: exitCode } = await this.look(execId);
      return { exitCode: exitCode ?? 0 };
    } catch (error) {
      const { ExitCode: exitCode } = await this.look(execId).catch(() => ({ ExitCode: undefined }));
      if (exitCode !== undefined && exitCode !== null && !NOT_FOUND.has(exitCode)) return { exitCode };
      return { notStarted: `The job's container cannot run ${argv[0]}: ${textOf(error)}` };
    } finally {
      ladder.end();
    }
  }

  private look(execId: string): Promise<{ ExitCode?: number | null; Pid?: number }> {
    return this.engine.json("GET", `/exec/${execId}/json`);
  }

  /** The engine cannot signal what it started in a container, so another program there does. */
  private async signal(execId: string, signal: "INT" | "TERM" | "KILL"): Promise<void> {
    const { ExitCode } = await this.look(execId);
    if (ExitCode !== null && ExitCode !== undefined) return;
    // Everything but the container's own first program, which only waits: the steps of a job follow each other.
    await this.exec({
      argv: ["sh", "-c", `kill -s ${signal} -1`],
      cwd: "/",
      env: {},
      onOutput: () => {},
      cancel: AbortSignal.timeout(QUICK_MS),
    });
  }

  private async readPath(): Promise<string> {
    const { Config } = await this.engine.json<{ Config?: { Env?: string[] } }>(
      "GET",
      `/containers/${this.containerId}/json`,
    );
    return Config?.Env?.find((entry) => entry.startsWith("PATH="))?.slice("PATH=".length) || USUAL_PATH;
  }
}
