import { Emitter } from "../../shared/emitter.ts";
import { selfCommand } from "../../shared/self-command.ts";
import { withGivenUmask } from "../../shared/umask.ts";
import { CliError } from "../exit/failure.ts";

const KEPT_LINES = 50;

/** A command that runs in the background, such as a server. Its last lines are kept in case it fails. */
export class BackgroundProgram {
  private readonly child: Bun.Subprocess<"ignore", "ignore", "pipe">;
  private readonly name: string;
  private readonly lines: string[] = [];
  /** Emitted when the program has printed a line or has ended. */
  private readonly changed = new Emitter();

  constructor(args: string[], env: Record<string, string>) {
    this.name = args[0] ?? "";
    this.child = withGivenUmask(() =>
      Bun.spawn([...selfCommand(), ...args], {
        env,
        stdin: "ignore",
        stdout: "ignore",
        stderr: "pipe",
        // A process group of its own: Ctrl-C reaches only us, and we stop agent and server in order.
        detached: true,
        onExit: () => this.changed.emit(),
      }),
    );
    void this.readLines();
  }

  lastLines(): string {
    return this.lines.slice(-5).join("\n");
  }

  /** Resolves when a line matches; throws when the program ends first, or time or `signal` runs out. */
  async said(pattern: RegExp, timeoutMs: number, signal: AbortSignal): Promise<RegExpExecArray> {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    for (;;) {
      const match = this.lines.map((line) => pattern.exec(line)).find((found) => found !== null);
      if (match) return match;
      signal.throwIfAborted();
      if (limit.aborted) throw this.failed(`was not ready after ${timeoutMs / 1_000} s`);
      if (this.hasEnded()) throw this.failed("ended before it was ready");
      await this.untilChanged(limit);
    }
  }

  /** Asks it to end, and kills it if it does not. */
  async stop(timeoutMs: number): Promise<void> {
    this.child.kill("SIGTERM");
    const timer = setTimeout(() => this.child.kill("SIGKILL"), timeoutMs);
    await this.child.exited;
    clearTimeout(timer);
  }

  private async untilChanged(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const unsubscribe = this.changed.subscribe(resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    unsubscribe();
  }

  private hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  private failed(how: string): CliError {
    const todo = this.lines.length > 0 ? `Its last output: ${this.lastLines()}` : "It printed nothing";
    return new CliError("unreachable", `the ${this.name} ${how}`, { todo });
  }

  private async readLines(): Promise<void> {
    const decoder = new TextDecoder();
    let rest = "";
    for await (const chunk of this.child.stderr) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = parts.pop() ?? "";
      this.lines.push(...parts);
      this.lines.splice(0, Math.max(0, this.lines.length - KEPT_LINES));
      this.changed.emit();
    }
    if (rest) this.lines.push(rest);
    this.changed.emit();
  }
}

/** Runs a command to its end. With `live`, its standard output is shown immediately instead of being returned. */
export async function runForeground(
  args: string[],
  env: Record<string, string>,
  options: { signal: AbortSignal; live: boolean },
): Promise<{ exitCode: number; stdout: string }> {
  const child = Bun.spawn([...selfCommand(), ...args], {
    env,
    stdin: "ignore",
    stdout: options.live ? "inherit" : "pipe",
    stderr: "inherit",
    signal: options.signal,
    killSignal: "SIGKILL",
  });
  const stdout = child.stdout instanceof ReadableStream ? await new Response(child.stdout).text() : "";
  return { exitCode: await child.exited, stdout };
}
