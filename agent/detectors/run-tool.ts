import { existsSync } from "node:fs";
import { textOf } from "../../shared/text-of.ts";
import { inTime } from "../../shared/wait.ts";
import { ChildOutput } from "../process/child-output.ts";
import { toolEnvironment } from "../process/environment.ts";
import type { DetectContext } from "./finding.ts";

export type ToolOutput =
  | { is: "missing" }
  | { is: "printed"; text: string }
  /** `why`: a clause for people, such as "ended with exit code 9: …". `text`: what it printed anyway. */
  | { is: "failed"; why: string; text: string };

/** More than any tool prints for a fully equipped machine; nvidia-smi writes 120 KB for each GPU. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
const MAX_QUOTED_CHARACTERS = 200;
/** With less time left, starting a tool makes no sense. */
const MIN_LEFT_MS = 5;

/** The path of the tool, from PATH or one of its usual places. */
export function findTool(
  context: DetectContext,
  name: string,
  places: readonly string[],
): string | undefined {
  const inPath = Bun.which(name, { PATH: context.environment.PATH ?? "" });
  return inPath ?? places.find((place) => existsSync(place));
}

/**
 * Runs a tool and returns what it printed. Never throws, and never takes longer than the context's deadline, even if
 * the tool cannot be killed because it hangs in the kernel.
 */
export async function runTool(
  context: DetectContext,
  path: string | undefined,
  args: readonly string[],
): Promise<ToolOutput> {
  if (path === undefined) return { is: "missing" };
  const leftMs = context.deadlineMs - performance.now();
  if (leftMs < MIN_LEFT_MS) return failed("was not run because no time was left");
  let child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  try {
    child = Bun.spawn([path, ...args], {
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
      env: { ...toolEnvironment(context.environment), LC_ALL: "C" },
      // In a process group of its own, everything that the tool started is killed with it.
      detached: true,
    });
  } catch (error) {
    return failed(`cannot be run: ${textOf(error)}`);
  }
  const outputs = [child.stdout, child.stderr].map((one) => new ChildOutput(one, MAX_OUTPUT_BYTES));
  try {
    const ended = Promise.race([child.exited, ...outputs.map((one) => one.tooMuch)]);
    const exitCode = await inTime(leftMs, ended);
    if (exitCode === undefined) return failed(`did not answer within ${context.timeoutMs / 1_000} s`);
    endGroup(child);
    await Promise.all(outputs.map((one) => one.rest(context.deadlineMs - performance.now())));
    if (exitCode === "too much" || outputs.some((one) => one.isTooMuch))
      return failed(`printed more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MiB`);
    const [stdout = "", stderr = ""] = outputs.map((one) => one.text);
    return judge(exitCode, stdout, stderr);
  } finally {
    for (const one of outputs) one.stop();
    endGroup(child);
  }
}

function failed(why: string, text = ""): ToolOutput {
  return { is: "failed", why, text };
}

function judge(exitCode: number, stdout: string, stderr: string): ToolOutput {
  if (exitCode === 0) return { is: "printed", text: stdout };
  // nvidia-smi prints its errors to stdout, the others to stderr.
  const said = firstLine(stderr) ?? firstLine(stdout);
  return failed(`ended with exit code ${exitCode}${said === undefined ? "" : `: ${said}`}`, stdout);
}

function endGroup(child: Bun.Subprocess): void {
  try {
    if (process.platform === "win32") child.kill("SIGKILL");
    else process.kill(-child.pid, "SIGKILL");
  } catch {
    // The whole group has ended already.
  }
  // A tool that hangs inside the driver dies only when the driver lets it go; nobody waits for that.
  child.unref();
}

/** The first line that a tool printed, short enough for a message and without control characters. */
export function firstLine(text: string): string | undefined {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are removed here
  const line = text.split("\n").map((one) => one.replace(/[\u0000-\u001f\u007f-\u009f]+/g, " ").trim());
  return line.find((one) => one !== "")?.slice(0, MAX_QUOTED_CHARACTERS);
}
