import { join } from "node:path";
import { withLimit } from "../../shared/wait.ts";
import { waitFor, within } from "./wait.ts";

/**
 * The program under test: the sources, or the built binary that TANVRIT_TEST_BINARY names. The same tests cover both.
 */
export function program(): string[] {
  const binary = process.env.TANVRIT_TEST_BINARY;
  return binary ? [binary] : [process.execPath, join(import.meta.dirname, "..", "..", "cmd", "main.ts")];
}

/** The environment of a program under test. The developer's own settings and sign-ins do not reach it. */
export function programEnv(home: string, extra: Record<string, string> = {}): Record<string, string> {
  // The keychain belongs to the developer, and two tests would share it.
  const own = { TANVRIT_HOME: home, TANVRIT_CREDENTIAL_STORE: "file", NO_COLOR: "1" };
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith("TANVRIT_"));
  return { ...(Object.fromEntries(kept) as Record<string, string>), ...own, ...extra };
}

/** The first server on a MongoDB creates all collections before it says anything, which takes seconds on a busy machine. */
const SAID_MS = 30_000;

export interface Finished {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface RunOptions {
  stdin?: BlobPart;
  env?: Record<string, string>;
  cwd?: string;
  timeoutMs?: number;
  /** Where standard output goes; read into the result if omitted. */
  stdout?: Bun.BunFile;
}

/** Runs the program until it exits. A program that does not exit in time is killed, and the test fails. */
export async function runProgram(home: string, args: string[], options: RunOptions = {}): Promise<Finished> {
  const { timeoutMs = 30_000 } = options;
  const running = Bun.spawn([...program(), ...args], {
    cwd: options.cwd ?? home,
    env: programEnv(home, options.env),
    stdin: options.stdin === undefined ? "ignore" : new Blob([options.stdin]),
    stdout: options.stdout ?? "pipe",
    stderr: "pipe",
  });
  let stderr = "";
  const ended = Promise.all([
    running.exited,
    running.stdout instanceof ReadableStream ? new Response(running.stdout).text() : "",
    readInto(running.stderr, (text) => {
      stderr += text;
    }),
  ]);
  const late = () =>
    new Error(`"${args.join(" ")}" took longer than ${timeoutMs} ms; so far it said: ${stderr}`);
  try {
    const [exitCode, stdout] = await withLimit(timeoutMs, ended, late);
    return { exitCode, stdout, stderr };
  } finally {
    running.kill("SIGKILL");
  }
}

async function readInto(stream: ReadableStream<Uint8Array>, add: (text: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  for await (const chunk of stream) add(decoder.decode(chunk, { stream: true }));
}

/** A program that runs until it is stopped. Its output is kept for error messages and for `said`. */
export class Running implements AsyncDisposable {
  readonly process: Bun.Subprocess<"ignore", "pipe", "pipe">;
  stdout = "";
  stderr = "";
  private readonly name: string;

  constructor(home: string, args: string[], env: Record<string, string> = {}, under: string[] = []) {
    this.name = args.join(" ");
    this.process = Bun.spawn([...under, ...program(), ...args], {
      cwd: home,
      env: programEnv(home, env),
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    void readInto(this.process.stdout, (text) => {
      this.stdout += text;
    });
    void readInto(this.process.stderr, (text) => {
      this.stderr += text;
    });
  }

  /** Waits until standard error matches. Throws an error with its output if the program exits first. */
  said(pattern: RegExp, timeoutMs = SAID_MS): Promise<RegExpExecArray> {
    return waitFor(
      `"${this.name}" to say ${pattern}`,
      () => {
        const match = pattern.exec(this.stderr);
        if (match) return match;
        if (this.process.exitCode !== null || this.process.signalCode !== null) {
          throw new Error(`"${this.name}" ended without saying ${pattern}:\n${this.stderr}`);
        }
        return undefined;
      },
      { timeoutMs, seen: () => this.stderr },
    );
  }

  /** Waits until it exits by itself; returns the exit code. */
  ended(timeoutMs = SAID_MS): Promise<number> {
    return within(timeoutMs, `"${this.name}" to exit`, this.process.exited);
  }

  /** Sends the signal and waits for the exit; returns the exit code. */
  stop(signal: NodeJS.Signals = "SIGTERM", timeoutMs = 15_000): Promise<number> {
    this.process.kill(signal);
    return this.ended(timeoutMs);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }
}
