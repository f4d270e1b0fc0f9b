import { join } from "node:path";
import { within } from "../tests/support/wait.ts";
import type { Stage } from "./stage.ts";

const DIRECTORY = join(import.meta.dirname, "processes");

/** A program of `bench/processes` that knows the server and the person of a stage, and reports in lines. Killed at the end. */
export class HelperProcess implements AsyncDisposable {
  private readonly process: Bun.Subprocess<"ignore", "pipe", "inherit">;
  private readonly lines: AsyncGenerator<string, void, void>;

  constructor(
    stage: Stage,
    private readonly file: string,
    args: readonly string[],
  ) {
    this.process = Bun.spawn([process.execPath, join(DIRECTORY, file), ...args], {
      env: { ...process.env, BENCH_URL: stage.server.url, BENCH_TOKEN: stage.token },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    this.lines = linesOf(this.process.stdout);
  }

  /** The next line it prints. Throws if it ends before, or prints nothing for `timeoutMs`. */
  async line(timeoutMs = 120_000): Promise<string> {
    const { value } = await within(timeoutMs, `the next line of ${this.file}`, this.lines.next());
    if (value === undefined) throw new Error(`${this.file} ended too early`);
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}
