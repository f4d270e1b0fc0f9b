import { pause } from "../../shared/wait.ts";
import type { SeenMachine } from "../profile/profile.ts";

export interface MachineWatchParts {
  /** What the last look at the machine saw; undefined: nobody looks again. */
  seen(): SeenMachine | undefined;
  /** Gives up when the signal fires. */
  engineAnswers(signal: AbortSignal): Promise<boolean>;
  isAsleep(): boolean;
  /** Looks at the machine again, and announces what is new. */
  lookAgain(): void;
  everyMs?: number;
}

const EVERY_MS = 30_000;
/** Asleep, an agent looks this much less often: a question to the engine costs what it must not use. */
const ASLEEP_SHARE = 10;
/** An engine that is being restarted is not gone, and its jobs wait for it. */
const MISSES = 2;
/** What stays broken is looked at less and less often. */
const FIRST_RETRY_MS = 60_000;
const MAX_RETRY_MS = 30 * 60_000;

/** Notices that an engine was started or stopped, and that GPUs answer at last, so that nobody has to say so. */
export class MachineWatch {
  private readonly parts: MachineWatchParts;
  private misses = 0;
  private retryMs = FIRST_RETRY_MS;
  private nextAtMs = Number.NEGATIVE_INFINITY;

  constructor(parts: MachineWatchParts) {
    this.parts = parts;
  }

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
    // Asking a GPU is work, which a sleeping agent does not do.
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
