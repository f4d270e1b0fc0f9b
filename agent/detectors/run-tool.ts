import { existsSync } from "node:fs";
import type { DetectContext } from "./finding.ts";

export type ToolOutput =
  | { is: "missing" }
  | { is: "printed"; text: string }
  /** `why`: a clause for people, as "ended with exit code 9: …". `text`: what it printed nonetheless. */
  | { is: "failed"; why: string; text: string };

/** More than any of them prints for a full machine; nvidia-smi writes 120 KB for each GPU. */
const MAX_OUTPUT_BYTES = 8 * 1024 * 1024;
const MAX_QUOTED_CHARACTERS = 200;
/** Less is no time to start anything. */
const MIN_LEFT_MS = 5;
/** For reading what a tool left in its pipes when it ended; something it started may hold them open for ever. */
const REST_LIMIT_MS = 500;

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
  if (leftMs < MIN_LEFT_MS) return failed("was not asked, since no time was left");
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
    return failed(`cannot be run: ${(error as Error).message}`);
  }
  const late = timer(leftMs);
  let rest: typeof late | undefined;
  const [stdout, stderr] = [new Hearing(child.stdout), new Hearing(child.stderr)];
  try {
    const tooMuch = Promise.race([stdout.tooMuch, stderr.tooMuch]);
    const exitCode = await Promise.race([child.exited, tooMuch, late.fired]);
    if (exitCode === "late") return failed(`did not answer within ${context.timeoutMs / 1_000} s`);
    endGroup(child);
    rest = timer(REST_LIMIT_MS);
    await Promise.race([Promise.all([stdout.over, stderr.over]), rest.fired, late.fired]);
    if (exitCode === "too much" || stdout.isTooMuch || stderr.isTooMuch)
      return failed(`printed more than ${MAX_OUTPUT_BYTES / 1024 / 1024} MiB`);
    return judge(exitCode, stdout.text, stderr.text);
  } finally {
    for (const limit of [late, rest]) limit?.clear();
    for (const one of [stdout, stderr]) one.stop();
    endGroup(child);
  }
}

function failed(why: string, text = ""): ToolOutput {
  return { is: "failed", why, text };
}

function judge(exitCode: number, stdout: string, stderr: string): ToolOutput {
  if (exitCode === 0) return { is: "printed", text: stdout };
  // nvidia-smi says on stdout why it failed, the others on stderr.
  const said = firstLine(stderr) ?? firstLine(stdout);
  return failed(`ended with exit code ${exitCode}${said === undefined ? "" : `: ${said}`}`, stdout);
}

/** What came of a stream so far; no more of it than any honest answer has. */
class Hearing {
  readonly over: Promise<void>;
  readonly tooMuch: Promise<"too much">;
  isTooMuch = false;
  private readonly reader: ReadableStreamDefaultReader<Uint8Array>;
  private readonly chunks: Uint8Array[] = [];

  constructor(stream: ReadableStream<Uint8Array>) {
    const { promise, resolve } = Promise.withResolvers<"too much">();
    this.reader = stream.getReader() as ReadableStreamDefaultReader<Uint8Array>;
    this.tooMuch = promise;
    this.over = this.hear().then(() => {
      if (this.isTooMuch) resolve("too much");
    });
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString("utf8");
  }

  /** The writer gets EPIPE instead of filling our memory. */
  stop(): void {
    void this.reader.cancel().catch(() => {}); // It was over already.
  }

  private async hear(): Promise<void> {
    let bytes = 0;
    for (;;) {
      const { done, value } = await this.reader.read();
      if (done) return;
      bytes += value.length;
      this.isTooMuch = bytes > MAX_OUTPUT_BYTES;
      if (this.isTooMuch) return this.stop();
      this.chunks.push(value);
    }
  }
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
