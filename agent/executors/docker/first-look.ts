import { readFileSync } from "node:fs";
import { pause } from "../../../shared/wait.ts";
import { StartFailedError } from "../port/executor.ts";
import { type ContainerState, containerState, containerStopped } from "./containers.ts";
import type { Engine } from "./engine.ts";
import { FrameReader } from "./frames.ts";
import { ContainerMeter } from "./meter.ts";

/** Between a container's start and its command lie a fork and an exec. */
const EXEC_MS = 1_000;
const LOOK_EVERY_MS = 1;
const STOPPED_SOON_MS = 10_000;
/**
 * A process that cannot be found is over, which a busy engine may notice late, or one of a virtual machine's, which is
 * the rule everywhere but on Linux.
 */
const MAYBE_STOPPED_MS = process.platform === "linux" ? 2_000 : 300;
/** What a container ends with whose program is not there, may not be executed, is none for this machine, or gets too much. */
const NO_PROGRAM = [1, 126, 127, 255];
/** tini's words, and catatonit's. */
const INIT_FAILED = /^(?:\[FATAL tini \(\d+\)\]|ERROR \(catatonit:\d+\):) (.*)$/m;
/** Those of runc and crun, where they can no longer tell the engine; they say nothing else then. */
const RUNTIME_FAILED =
  /^(?:standard_init_linux\.go:\d+: )?(?:exec (?:user process caused: )?.*: ?(?:argument list too long|exec format error|permission denied|no such file or directory|text file busy|cannot allocate memory|too many levels of symbolic links|invalid argument|is a directory|not a directory)|.*: Argument list too long)\s*$/i;
/** What the first process is called until it becomes the command. */
const OF_RUNTIMES = /^(runc|crun)/;
/** An init that fails says so in one line. */
const MAX_LOOK_BYTES = 64 * 1024;

export interface Started {
  state: ContainerState;
  /** The whole output; what was looked at of it comes once more. */
  stream: AsyncIterable<Uint8Array>;
  /** undefined: the container is over, or its processes cannot be seen from here. */
  meter: ContainerMeter | undefined;
}

/**
 * A container that was started runs its init; whether that could run the command is seen a moment later. Throws
 * StartFailedError in the init's own words where it could not.
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

/** Whether a container runs whose processes are not to be found here. */
async function goesOn(engine: Engine, containerId: string): Promise<boolean> {
  if (engine.endpoint.socketPath === undefined) return true;
  try {
    await containerStopped(engine, containerId, MAYBE_STOPPED_MS);
    return false;
  } catch {
    // It has not stopped, so the engine is in a virtual machine of its own.
    return true;
  }
}

/** A runtime that fails at the last moment has nothing but the container's output to say so in. */
function wordsOfRuntime({ stdout, stderr }: { stdout: string; stderr: string }): string | undefined {
  const text = stderr.trim();
  return stdout === "" && !text.includes("\n") && RUNTIME_FAILED.test(text) ? text : undefined;
}

/** false: the container is over. */
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
    // It has ended, or is not to be seen from here.
    return undefined;
  }
}

/** The beginning of an output, and the whole of it once more. */
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
