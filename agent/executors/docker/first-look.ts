import { readFileSync } from "node:fs";
import { pause } from "../../../shared/wait.ts";
import { StartFailedError } from "../port/executor.ts";
import { type ContainerState, containerState, containerStopped } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { FrameReader } from "./frames.ts";
import { ContainerMeter } from "./meter.ts";

/** How long a started container may take to run its command: only a fork and an exec are left to do. */
const EXEC_MS = 1_000;
const LOOK_EVERY_MS = 1;
const STOPPED_SOON_MS = 10_000;
/**
 * How long to wait for the engine to notice the end of a process that cannot be found. Either the process has ended, which
 * a busy engine may notice late, or the engine runs in a virtual machine, as it usually does except on Linux.
 */
const MAYBE_STOPPED_MS = process.platform === "linux" ? 2_000 : 300;
/** Exit codes of a container whose program is missing, not executable, for another machine, or gets too many arguments. */
const NO_PROGRAM = [1, 126, 127, 255];
/** The messages of tini and catatonit. */
const INIT_FAILED = /^(?:\[FATAL tini \(\d+\)\]|ERROR \(catatonit:\d+\):) (.*)$/m;
/** The messages of runc and crun when they can no longer report to the engine. They print nothing else then. */
const RUNTIME_FAILED =
  /^(?:standard_init_linux\.go:\d+: )?(?:exec (?:user process caused: )?.*: ?(?:argument list too long|exec format error|permission denied|no such file or directory|text file busy|cannot allocate memory|too many levels of symbolic links|invalid argument|is a directory|not a directory)|.*: Argument list too long)\s*$/i;
/** The name of the first process until it becomes the command. */
const OF_RUNTIMES = /^(runc|crun)/;
/** An init that fails prints one line. */
const MAX_LOOK_BYTES = 64 * 1024;

export interface Started {
  state: ContainerState;
  /** The whole output, including the part that was already looked at. */
  stream: AsyncIterable<Uint8Array>;
  /** undefined: the container has ended, or its processes are not visible from here. */
  meter: ContainerMeter | undefined;
}

/**
 * Waits until a started container runs its command. The container runs its init first, and only a moment later does it
 * show whether the init could run the command. If not, throws StartFailedError with the init's own words.
 */
export async function untilCommandRuns(
  engine: Engine,
  containerId: string,
  stream: AsyncIterable<Uint8Array>,
  hasInit: boolean,
): Promise<Started> {
  let state = await containerState(engine, containerId);
  const { Pid: pid = 0 } = state;
  const meter = ContainerMeter.open(containerId, pid);
  if (state.Running && (await (meter ? commandRuns(pid, hasInit) : goesOn(engine, containerId)))) {
    return { state, stream, meter };
  }
  await containerStopped(engine, containerId, STOPPED_SOON_MS);
  state = await containerState(engine, containerId);
  if (!NO_PROGRAM.includes(state.ExitCode ?? 0)) return { state, stream, meter: undefined };
  const seen = await lookAt(stream);
  const why = INIT_FAILED.exec(seen.stderr)?.[1] ?? wordsOfRuntime(seen);
  if (why) throw new StartFailedError(`The command could not be started in the container: ${why}`);
  return { state, stream: seen.again, meter: undefined };
}

/** Whether a container runs whose processes cannot be found on this machine. */
async function goesOn(engine: Engine, containerId: string): Promise<boolean> {
  if (engine.endpoint.socketPath === undefined) return true;
  try {
    await containerStopped(engine, containerId, MAYBE_STOPPED_MS);
    return false;
  } catch {
    // It has not stopped, so the engine runs in a virtual machine.
    return true;
  }
}

/** A runtime that fails at the last moment can report that only in the container's output. */
function wordsOfRuntime({ stdout, stderr }: { stdout: string; stderr: string }): string | undefined {
  const text = stderr.trim();
  return stdout === "" && !text.includes("\n") && RUNTIME_FAILED.test(text) ? text : undefined;
}

/** Waits for the command to run. false: the container has ended. */
async function commandRuns(pid: number, hasInit: boolean): Promise<boolean> {
  const giveUpMs = performance.now() + EXEC_MS;
  while (performance.now() < giveUpMs) {
    const children = readProc(pid, `task/${pid}/children`);
    const init = readProc(pid, "comm");
    if (init === undefined) return false;
    if (children === undefined) return true;
    if (!hasInit && !OF_RUNTIMES.test(init)) return true;
    // A child has its parent's name until it becomes the command.
    const names = children
      .split(" ")
      .filter(Boolean)
      .map((child) => readProc(Number(child), "comm"));
    if (names.some((name) => name !== undefined && name !== init)) return true;
    await pause(LOOK_EVERY_MS);
  }
  return true;
}

function readProc(pid: number, name: string): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    // It has ended, or is not visible from here.
    return undefined;
  }
}

/** Reads the beginning of an output, and returns a stream that starts with it again. */
async function lookAt(stream: AsyncIterable<Uint8Array>) {
  const chunks = stream[Symbol.asyncIterator]();
  const frames = new FrameReader();
  const seen: Uint8Array[] = [];
  const text = { stdout: "", stderr: "" };
  for (let bytes = 0; bytes < MAX_LOOK_BYTES; ) {
    const { done, value } = await chunks.next();
    if (done) break;
    seen.push(value);
    bytes += value.length;
    for (const { stream, bytes } of frames.push(value)) text[stream] += Buffer.from(bytes);
  }
  const rest = { [Symbol.asyncIterator]: () => chunks };
  return { ...text, again: joined(seen, rest) };
}

async function* joined(first: Uint8Array[], rest: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield* first;
  yield* rest;
}
