import { mkdirSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Env } from "../../shared/config/home.ts";
import { shellWord } from "../../shared/shell-word.ts";
import { defineCommand } from "../command/command.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { BackgroundProgram, runForeground } from "./programs.ts";

const START_TIMEOUT_MS = 20_000;
const STEP_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const JOB =
  'for i in 1 2 3; do echo "step $i of 3 on $(uname -sm)"; sleep 0.4; done; echo "that was all" >&2';

export const command = defineCommand({
  options: {},
  examples: [{ line: "quickstart", does: "See a server, an agent and a job run, and leave nothing behind" }],
  details: "Everything happens in a scratch directory and on a free port; your own settings are not touched.",
  async run({ output, env }) {
    const interrupted = new AbortController();
    const interrupt = () => interrupted.abort(new Error("interrupted"));
    const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
    for (const signal of signals) process.on(signal, interrupt);
    const home = await mkdtemp(join(tmpdir(), "tanvrit-quickstart-"));
    const show = new Quickstart(home, env, output, interrupted.signal);
    try {
      await show.play();
      return exitCodes.ok;
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
      await output.note("\nInterrupted.");
      return exitCodes.cancelled;
    } finally {
      await show.stop();
      await rm(home, { recursive: true, force: true, maxRetries: 5 });
      for (const signal of signals) process.off(signal, interrupt);
    }
  },
});

/** The steps a person would type, each shown before it runs. */
class Quickstart {
  private readonly env: Record<string, string>;
  private server: BackgroundProgram | undefined;
  private agent: BackgroundProgram | undefined;

  constructor(
    private readonly home: string,
    env: Env,
    private readonly output: Output,
    private readonly signal: AbortSignal,
  ) {
    // The person's own settings must not reach this workspace, and this workspace must not reach their keychain.
    const kept = Object.entries(env).filter(([name]) => !name.startsWith("TANVRIT_"));
    const inherited = Object.fromEntries(kept) as Record<string, string>;
    // The temporary files of the programs are removed with the rest.
    const temporary = join(home, "tmp");
    mkdirSync(temporary, { mode: 0o700 });
    const own = { TANVRIT_HOME: home, TANVRIT_CREDENTIAL_STORE: "file", TMPDIR: temporary };
    this.env = { ...inherited, ...own };
  }

  async play(): Promise<void> {
    await this.say(`Everything below happens in ${this.home} and is removed at the end.`);
    const url = await this.startServer();
    await this.step("Sign in: same machine, same user, no password.", ["auth", "login", "--url", url]);
    await this.startAgent();
    const submit = ["job", "submit", "--name", "hello", "--", "sh", "-c", JOB];
    const { stdout } = await this.step("Submit a job.", submit);
    const jobId = stdout.trim();
    await this.say(jobId);
    await this.step("Watch it run.", ["job", "logs", "-f", jobId], { live: true });
    await this.step("See how it ended.", ["job", "get", jobId], { live: true });
    await this.step("Wait for it in a script: exits with the job's own code.", ["job", "wait", jobId]);
    await this.say(`
That's all. The server also has a portal, a web app at its own address (here ${url}/): when you run
tanvrit-compute server yourself, tanvrit-compute auth open opens it signed in.
See tanvrit-compute --help for more.`);
  }

  /** Ends what runs, with its own time limit: it must also work after an interruption, and never hang. */
  async stop(): Promise<void> {
    // A note that cannot be written must not keep anything running.
    if (this.server) await this.say("\nStopping the agent and the server.").catch(() => undefined);
    await this.agent?.stop(STOP_TIMEOUT_MS);
    await this.server?.stop(STOP_TIMEOUT_MS);
  }

  private async startServer(): Promise<string> {
    const args = ["server", "--port", "0", "--data-dir", join(this.home, "server")];
    await this.announce("Start the control plane.", [...args, "&"]);
    this.server = new BackgroundProgram(args, this.env);
    const said = await this.server.said(/^.*listening on (http:\/\/\S+).*$/, START_TIMEOUT_MS, this.signal);
    await this.say(said[0]);
    return said[1] ?? "";
  }

  private async startAgent(): Promise<void> {
    const args = ["agent", "run"];
    await this.announce("Start an agent: this machine will do the work.", [...args, "&"]);
    this.agent = new BackgroundProgram(args, this.env);
    const said = await this.agent.said(/^.*\bnode_[0-9a-z]{26}.*$/m, START_TIMEOUT_MS, this.signal);
    await this.say(said[0]);
  }

  private async step(what: string, args: string[], { live = false } = {}): Promise<{ stdout: string }> {
    await this.announce(what, args);
    const limit = AbortSignal.any([this.signal, AbortSignal.timeout(STEP_TIMEOUT_MS)]);
    const { exitCode, stdout } = await this.run(args, limit, live);
    this.signal.throwIfAborted();
    if (exitCode === 0) return { stdout };
    throw new CliError(
      "unreachable",
      `quickstart stopped: ${args.slice(0, 2).join(" ")} ended with ${exitCode}`,
      {
        todo: `The server's last output: ${this.server?.lastLines() || "nothing"}`,
      },
    );
  }

  private run(args: string[], signal: AbortSignal, live = false) {
    return runForeground(args, this.env, { signal, live });
  }

  private announce(what: string, args: string[]): Promise<void> {
    return this.say(`\n# ${what}\n$ tanvrit-compute ${args.map(shellWord).join(" ")}`);
  }

  private say(text: string): Promise<void> {
    return this.output.result(text);
  }
}
