import { existsSync } from "node:fs";
import type { DetectContext } from "./finding.ts";

export type ToolOutput =
  | { is: "missing" }
  | { is: "printed"; text: string }
  /** A clause for people, as "ended with exit code 9: …". */
  | { is: "failed"; why: string };

/** More than any of them prints for a full machine; nvidia-smi writes 120 KB for each GPU. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
const MAX_QUOTED_CHARACTERS = 200;

/** The tool's path, in PATH or one of its usual places. */
export function findTool(
  context: DetectContext,
  name: string,
  places: readonly string[],
): string | undefined {
  const inPath = Bun.which(name, { PATH: context.environment.PATH ?? "" });
  return inPath ?? places.find((place) => existsSync(place));
}

/**
 * Runs a tool of the machine and gives what it printed. Never throws, and never takes longer than the context's
 * deadline, also where the tool cannot even be killed because the kernel holds it.
 */
export async function runTool(
  context: DetectContext,
  path: string | undefined,
  args: readonly string[],
): Promise<ToolOutput> {
  if (path === undefined) return { is: "missing" };
  const leftMs = context.deadlineMs - performance.now();
  if (leftMs <= 0) return { is: "failed", why: "there was no time left to ask it" };
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([path, ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...context.environment, LC_ALL: "C" },
      // A process group of its own, so that what the tool started is ended with it.
      detached: true,
    });
  } catch (error) {
    return { is: "failed", why: `cannot be run: ${(error as Error).message}` };
  }
  const late = timer(leftMs);
  try {
    const ended = Promise.all([capped(child.stdout), capped(child.stderr), child.exited]);
    const result = await Promise.race([ended, late.fired]);
    if (result === "late")
      return { is: "failed", why: `did not answer within ${context.timeoutMs / 1_000} s` };
    return judge(result);
  } finally {
    late.clear();
    endGroup(child);
  }
}

function judge([stdout, stderr, exitCode]: [string | undefined, string | undefined, number]): ToolOutput {
  if (stdout === undefined || stderr === undefined) {
    return { is: "failed", why: `printed more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MiB` };
  }
  if (exitCode === 0) return { is: "printed", text: stdout };
  // nvidia-smi says on stdout why it failed, the others on stderr.
  const said = firstLine(stderr) ?? firstLine(stdout);
  return { is: "failed", why: `ended with exit code ${exitCode}${said === undefined ? "" : `: ${said}`}` };
}

/** The whole stream as text; undefined where it is longer than any honest answer. */
async function capped(stream: ReadableStream<Uint8Array>): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    bytes += chunk.length;
    // Leaving the loop cancels the stream, so that the writer gets EPIPE instead of filling our memory.
    if (bytes > MAX_OUTPUT_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

function endGroup(child: Bun.Subprocess): void {
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // Nothing of it is left, which is what we want.
  }
  // A tool that hangs inside the driver dies only when the driver lets go; we do not wait for that.
  child.unref();
}

function timer(ms: number): { fired: Promise<"late">; clear(): void } {
  const { promise, resolve } = Promise.withResolvers<"late">();
  const handle = setTimeout(() => resolve("late"), ms);
  return { fired: promise, clear: () => clearTimeout(handle) };
}

/** What a tool said, short enough for a message and without control characters. */
export function firstLine(text: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out
  const line = text.split("\n").map((one) => one.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim());
  return line.find((one) => one !== "")?.slice(0, MAX_QUOTED_CHARACTERS);
}
