import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  openSync,
  readdirSync,
  readSync,
  statSync,
} from "node:fs";
import { isAbsolute, resolve } from "node:path";
import { codeOf } from "../../../shared/code-of.ts";
import { textOf } from "../../../shared/text-of.ts";
import { givenUmask, withGivenUmask } from "../../../shared/umask.ts";
import { type Keepers, KeptLaunchError, keepers, whyNoKeepers } from "../../keeper/keeper.ts";
import { KeptChild } from "../../keeper/kept-child.ts";
import type { LimitHandle } from "../../limits/limit-enforcer.ts";
import type { JobAccount } from "../../process/account.ts";
import type { Environment } from "../../process/environment.ts";
import { keeperName } from "../../process/keeper-name.ts";
import { markOf, withMark } from "../../process/marks.ts";
import { closePipe, createPipe, type Pipe, readPipe } from "../../process/pipes.ts";
import { StartFailedError } from "../port/executor.ts";
import type { Child, ChildStream } from "./shell-task.ts";

export interface SpawnOptions {
  executionId: string;
  command: string[];
  cwd: string;
  env: Environment;
  handle: Pick<LimitHandle, "entrance" | "groups">;
  account: JobAccount | undefined;
  /** The soft limit of open files; undefined: the limit of this process. */
  openFiles: number | undefined;
}

/**
 * Starts a command as the leader of a session of its own, and below a keeper if this system has keepers. Rejects with
 * StartFailedError.
 */
export async function spawnChild(options: SpawnOptions): Promise<Child> {
  const system = keepers();
  if (system) return spawnKept(options, system);
  const { account } = options;
  if (account) {
    const why = `it cannot start the keeper processes that this needs, because ${whyNoKeepers()}`;
    throw new StartFailedError(`This node cannot run jobs as ${account.name}: ${why}.`);
  }
  return withMark(options.executionId, () => spawnUnkept(options));
}

async function spawnKept(options: SpawnOptions, system: Keepers): Promise<Child> {
  const { executionId, command, cwd, env, handle, account, openFiles } = options;
  const name = command[0] ?? "";
  const program = programPath(name, cwd, env.PATH ?? "");
  if (program === undefined) throw new StartFailedError(whyNotStarted(name, cwd, { code: "ENOENT" }));
  const pipes = [createPipe(), createPipe()].flatMap((pipe) => pipe ?? []);
  const [out, err] = pipes;
  if (!out || !err) {
    pipes.forEach(closePipe);
    throw new StartFailedError("The node has no file descriptors left for the output of the job.");
  }
  const starting = KeptChild.start(system, {
    program,
    argv: command,
    env,
    directory: cwd,
    groups: handle.groups,
    name: keeperName(executionId),
    account,
    stdout: out.writeFd,
    stderr: err.writeFd,
    umask: givenUmask(),
    openFiles,
    mark: markOf(executionId),
  });
  closeWriteEnds(out, err);
  try {
    const kept = await starting;
    return { process: kept, kept, stdout: streamOf(out), stderr: streamOf(err) };
  } catch (error) {
    for (const { readFd } of pipes) closeSync(readFd);
    if (!(error instanceof KeptLaunchError)) throw error;
    throw new StartFailedError(whyNotKept(error, options), { cause: error });
  }
}

/** The file for the kernel to run; undefined: there is no program of that name. */
function programPath(name: string, cwd: string, searchPath: string): string | undefined {
  if (name.includes("/")) return name;
  return Bun.which(name, { PATH: searchPath, cwd }) ?? undefined;
}

function whyNotKept({ stage, code }: KeptLaunchError, { command, cwd, account }: SpawnOptions): string {
  const as = account ? ` as ${account.name}` : "";
  switch (stage) {
    case "program":
      return whyNotStarted(command[0] ?? "", cwd, { code });
    case "directory":
      return `The working directory ${cwd} ${directoryProblem(cwd) ?? `cannot be entered${as} (${code})`}.`;
    case "control group":
      return `The job could not be put into its control group (${code}), so it was not started.`;
    case "account":
      return `The node may not start jobs${as} (${code}).`;
    case "keeper":
      return `The node could not start a process for the job (${code}).`;
  }
}

/** Without a keeper, only their mark shows which processes the job started. */
function spawnUnkept({ command, cwd, env, handle }: SpawnOptions): Child {
  const program = command[0] ?? "";
  const entrance = handle.entrance(env);
  // Once the entrance runs, nothing can report any more why the command does not start.
  const problem = entrance && problemOf(program, cwd, env.PATH ?? "");
  if (problem) throw new StartFailedError(whyNotStarted(program, cwd, problem));
  const out = createPipe();
  const err = out && createPipe();
  try {
    const words = entrance ? [...entrance, ...command] : command;
    const child = withGivenUmask(() =>
      Bun.spawn(words, {
        cwd,
        env,
        stdin: "ignore",
        stdout: err ? (out?.writeFd ?? "pipe") : "pipe",
        stderr: err ? err.writeFd : "pipe",
        // A session of its own: no terminal, and a process group that can be signalled as a whole.
        detached: true,
      }),
    );
    if (out && err) {
      closeWriteEnds(out, err);
      return { process: child, stdout: streamOf(out), stderr: streamOf(err) };
    }
    if (out) closePipe(out);
    return {
      process: child,
      stdout: { stream: child.stdout as ReadableStream<Uint8Array>, close: () => {} },
      stderr: { stream: child.stderr as ReadableStream<Uint8Array>, close: () => {} },
    };
  } catch (error) {
    if (out) closePipe(out);
    if (err) closePipe(err);
    throw new StartFailedError(whyNotStarted(program, cwd, error), { cause: error });
  }
}

/** The child has them. While this process held them too, the pipes would never end. */
function closeWriteEnds(...pipes: Pipe[]): void {
  for (const { writeFd } of pipes) closeSync(writeFd);
}

function streamOf(pipe: Pipe): ChildStream {
  return { stream: readPipe(pipe), close: () => closeSync(pipe.readFd) };
}

/** Why a program does not start in this directory, for people. */
export function whyNotStarted(program: string, cwd: string, error: unknown): string {
  const problem = directoryProblem(cwd);
  if (problem) return `The working directory ${cwd} ${problem}.`;
  const code = codeOf(error);
  if (code === "ENOENT") return notFound(program, cwd);
  if (code === "EACCES")
    return `The program ${program} may not be executed on this node (permission denied).`;
  if (code === "ENOEXEC") return `The program ${program} is not in a format this node can execute.`;
  if (code === "E2BIG") return `The command and its environment are too long for this node.`;
  return `The program ${program} could not be started: ${textOf(error)}`;
}

function notFound(program: string, cwd: string): string {
  if (!program.includes("/")) return `The program ${program} was not found on this node.`;
  // The kernel also reports ENOENT for a script whose interpreter is missing.
  if (existsSync(resolve(cwd, program))) {
    return `The program ${program} exists, but its interpreter or loader does not: see its first line.`;
  }
  if (isAbsolute(program)) return `There is no ${program} on this node.`;
  return `There is no ${program} in ${cwd}, where the command starts: a fresh directory, unless the job sets workdir.`;
}

function directoryProblem(path: string): string | undefined {
  try {
    return statSync(path).isDirectory() ? undefined : "is not a directory";
  } catch (error) {
    const code = codeOf(error);
    return code === "ENOENT" ? "does not exist on this node" : `cannot be entered (${code})`;
  }
}

/** The error that the kernel would give for this program, by its own rules; undefined: it would run it. */
function problemOf(program: string, cwd: string, searchPath: string): { code: string } | undefined {
  if (directoryProblem(cwd)) return { code: "ENOENT" };
  const path = program.includes("/") ? resolve(cwd, program) : Bun.which(program, { PATH: searchPath, cwd });
  try {
    if (!path || !existsSync(path)) return { code: "ENOENT" };
    if (!statSync(path).isFile()) return { code: "EACCES" };
    accessSync(path, constants.X_OK);
  } catch (error) {
    return { code: codeOf(error) ?? "EACCES" };
  }
  return formatProblem(path);
}

const HEAD_BYTES = 256;
const EXECUTABLE_FORMATS = ["\x7fELF", "\xcf\xfa\xed\xfe", "\xca\xfe\xba\xbe"];

function formatProblem(path: string): { code: string } | undefined {
  const head = headOf(path);
  if (head === undefined) return undefined; // A program can be executable without being readable.
  if (head.startsWith("#!")) {
    const interpreter = head.slice(2).trim().split(/\s/)[0] ?? "";
    return existsSync(interpreter) ? undefined : { code: "ENOENT" };
  }
  if (EXECUTABLE_FORMATS.some((magic) => head.startsWith(magic)) || hasForeignFormats()) return undefined;
  return { code: "ENOEXEC" };
}

function headOf(path: string): string | undefined {
  try {
    const file = openSync(path, "r");
    try {
      const bytes = Buffer.alloc(HEAD_BYTES);
      return bytes.toString("latin1", 0, readSync(file, bytes));
    } finally {
      closeSync(file);
    }
  } catch {
    return undefined;
  }
}

/** Whether this kernel was configured to run further formats, which are unknown here. */
function hasForeignFormats(): boolean {
  try {
    return readdirSync("/proc/sys/fs/binfmt_misc").some((name) => name !== "register" && name !== "status");
  } catch {
    return false;
  }
}
