import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { allowedEnvironment } from "../process/environment.ts";
import { type AwakeTool, findAwakeTool, type ToolPlace, thisMachine } from "./awake-tool.ts";

export interface KeepAwakeOptions {
  environment: Readonly<Record<string, string | undefined>>;
  log: Logger;
  place?: ToolPlace;
  /** How long jobs must run before the tool is started, and how long after the last job it ends. */
  settleMs?: number;
}

type Child = Bun.Subprocess<"pipe", "ignore", "pipe">;

/** No machine goes to sleep during a job of a second, and short jobs often come one after another. */
const SETTLE_MS = 2_000;
/** The tool is asked to end by closing its input. If it does not, it is killed. */
const END_LIMIT_MS = 2_000;
const MAX_QUOTED_CHARACTERS = 200;

/** Keeps the machine from sleeping while jobs run, with one process of the system's own tool. A failure harms no job. */
export class KeepAwake {
  private isWanted = false;
  private isEnabled = true;
  private child: Child | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Looked for when first needed; null: this machine has none, or it does not work. */
  private tool: AwakeTool | null | undefined;

  constructor(private readonly options: KeepAwakeOptions) {}

  setEnabled(isEnabled: boolean): void {
    this.isEnabled = isEnabled;
    this.later();
  }

  /** `isWanted`: jobs run. Costs nothing when that has not changed. */
  want(isWanted: boolean): void {
    if (isWanted === this.isWanted) return;
    this.isWanted = isWanted;
    this.later();
  }

  /** Lets the machine sleep again. */
  stop(): void {
    clearTimeout(this.timer);
    this.isEnabled = false;
    this.release();
  }

  private get shouldHold(): boolean {
    return this.isWanted && this.isEnabled && this.tool !== null;
  }

  /** Waits a moment before it acts, in case the state changes back. */
  private later(): void {
    clearTimeout(this.timer);
    if (this.shouldHold === (this.child !== undefined)) return;
    this.timer = setTimeout(() => this.settle(), this.options.settleMs ?? SETTLE_MS);
    this.timer.unref();
  }

  private settle(): void {
    if (!this.shouldHold) this.release();
    else if (!this.child) this.hold();
  }

  private hold(): void {
    const { environment, place } = this.options;
    this.tool ??= findAwakeTool(place ?? thisMachine(environment)) ?? null;
    if (!this.tool) return;
    try {
      const child = Bun.spawn(this.tool.command, {
        stdin: "pipe",
        stdout: "ignore",
        stderr: "pipe",
        env: allowedEnvironment(environment),
        // Signals of the agent's terminal must not reach it.
        detached: true,
      });
      child.unref();
      this.child = child;
      void this.watch(child, this.tool);
    } catch (error) {
      this.giveUp(this.tool, textOf(error));
    }
  }

  private async watch(child: Child, tool: AwakeTool): Promise<void> {
    const said = await new Response(child.stderr).text().catch(() => "");
    await child.exited;
    if (this.child !== child) return;
    this.child = undefined;
    this.giveUp(tool, said.trim().slice(0, MAX_QUOTED_CHARACTERS) || `it ended with ${child.exitCode}`);
  }

  private giveUp({ name }: AwakeTool, why: string): void {
    this.tool = null;
    this.options.log.warn(
      `Cannot keep the machine awake while jobs run: ${name}: ${why}. Jobs run anyway; set keepAwake: false in agent.yaml to stop trying.`,
    );
  }

  private release(): void {
    const { child } = this;
    this.child = undefined;
    if (!child) return;
    // On macOS the tool waits for this process to end, not for its input.
    if (process.platform === "darwin") child.kill();
    else void Promise.resolve(child.stdin.end()).catch(() => {}); // It has already ended by itself.
    setTimeout(() => child.kill("SIGKILL"), END_LIMIT_MS).unref();
  }
}
