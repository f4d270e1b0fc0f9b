import { pause } from "../../shared/wait.ts";
import type { SeenMachine } from "../profile/profile.ts";

export interface MachineWatchParts {
  /** What the last look at the machine found; undefined: the watch ends. */
  seen(): SeenMachine | undefined;
  /** Whether the container engine answers. Gives up when the signal fires. */
  engineAnswers(signal: AbortSignal): Promise<boolean>;
  isAsleep(): boolean;
  /** Looks at the machine again and announces the changes. */
  lookAgain(): void;
  everyMs?: number;
}

const EVERY_MS = 30_000;
/** An agent that sleeps looks this many times less often: asking the engine costs CPU, of which it must use next to none. */
const ASLEEP_SHARE = 10;
/** An engine counts as stopped after this many misses: one that restarts is not gone, and its jobs wait for it. */
const MISSES = 2;
/** While something stays broken, the pause before the next look doubles. */
const FIRST_RETRY_MS = 60_000;
const MAX_RETRY_MS = 30 * 60_000;

/** Notices by itself when a container engine was started or stopped, and when GPUs that did not answer work again. */
export class MachineWatch {
  private misses = 0;
  private retryMs = FIRST_RETRY_MS;
  private nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(private readonly parts: MachineWatchParts) {}

  async run(signal: AbortSignal): Promise<void> {
    for (let passed = 1; ; passed++) {
      await pause(this.parts.everyMs ?? EVERY_MS, signal);
      const seen = this.parts.seen();
      if (signal.aborted || !seen) return;
      if (this.parts.isAsleep() && passed % ASLEEP_SHARE !== 0) continue;
      await this.look(seen, signal);
    }
  }

  private async look(seen: SeenMachine, signal: AbortSignal): Promise<void> {
    const { engineAnswers, isAsleep, lookAgain } = this.parts;
    const answers = await engineAnswers(signal);
    if (signal.aborted) return;
    this.misses = seen.engine && !answers ? this.misses + 1 : 0;
    const hasEngineChanged = (!seen.engine && answers) || this.misses >= MISSES;
    // Asking GPUs is expensive, so a sleeping agent does not.
    if (!hasEngineChanged && !(seen.brokenGpus && !isAsleep())) {
      this.retryMs = FIRST_RETRY_MS;
      this.nextAtMs = Number.NEGATIVE_INFINITY;
      return;
    }
    const nowMs = performance.now();
    if (nowMs < this.nextAtMs) return;
    this.nextAtMs = nowMs + this.retryMs;
    this.retryMs = Math.min(MAX_RETRY_MS, this.retryMs * 2);
    lookAgain();
  }
}
