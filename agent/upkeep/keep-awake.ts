import type { Logger } from "../../shared/logger.ts";
import { textOf } from "../../shared/text-of.ts";
import { allowedEnvironment } from "../process/environment.ts";
import { type AwakeTool, findAwakeTool, type ToolPlace, thisMachine } from "./awake-tool.ts";

export interface KeepAwakeOptions {
  environment: Readonly<Record<string, string | undefined>>;
  log: Logger;
  place?: ToolPlace;
  /** How long something must run before it is worth a process, and how soon after the last job the process ends. */
  settleMs?: number;
}

type Child = Bun.Subprocess<"pipe", "ignore", "pipe">;

/** No machine goes to sleep over a job of a second, and many short ones come one after the other. */
const SETTLE_MS = 2_000;
/** It is told to end, by the end of its input; one that does not is killed. */
const END_LIMIT_MS = 2_000;
const MAX_QUOTED_CHARACTERS = 200;

/** Holds off the machine's sleep while jobs run, by one process of the system's own tool. Its failures harm no job. */
export class KeepAwake {
  private readonly options: KeepAwakeOptions;
  private isWanted = false;
  private isEnabled = true;
  private child: Child | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Found at the first need; null: this machine has none, or it does not work. */
  private tool: AwakeTool | null | undefined;

  constructor(options: KeepAwakeOptions) {
    this.options = options;
  }

  setEnabled(isEnabled: boolean): void {
    this.isEnabled = isEnabled;
    this.later();
  }

  /** Whether jobs run. Costs nothing where it is as it was. */
  want(isWanted: boolean): void {
    if (isWanted === this.isWanted) return;
    this.isWanted = isWanted;
    this.later();
  }

  /** The machine may sleep as far as we are concerned. */
  stop(): void {
    clearTimeout(this.timer);
    this.isEnabled = false;
    this.release();
  }

  private get shouldHold(): boolean {
    return this.isWanted && this.isEnabled && this.tool !== null;
  }

  /** What has been different for only a moment is not worth anything. */
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
        // A signal from the agent's terminal is not for it.
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
      `The machine's sleep cannot be held off while jobs run: ${name}: ${why}. Jobs run all the same; keepAwake: false in agent.yaml stops the attempt.`,
    );
  }

  private release(): void {
    const { child } = this;
    this.child = undefined;
    if (!child) return;
    // On macOS the tool waits for this process and not for its input.
    if (process.platform === "darwin") child.kill();
    else void Promise.resolve(child.stdin.end()).catch(() => {}); // It ended by itself meanwhile.
    setTimeout(() => child.kill("SIGKILL"), END_LIMIT_MS).unref();
  }
}
