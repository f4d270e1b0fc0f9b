import { Emitter } from "../../shared/emitter.ts";
import type { NodeCondition } from "../../shared/node.ts";

/** The agent's current condition, which every heartbeat and poll reports to the server. */
export class Condition {
  /** Emitted after a change, with the new condition and the one before. */
  readonly changed = new Emitter<[now: NodeCondition, before: NodeCondition]>();
  private current: NodeCondition = { suspended: false };
  private readonly sleepers = new Set<() => void>();

  get value(): NodeCondition {
    return this.current;
  }

  /** Setting the values it already has is not a change. */
  change(part: Partial<NodeCondition>): void {
    const before = this.current;
    const now = { ...before, ...part };
    if (now.suspended === before.suspended && now.refusing === before.refusing) return;
    this.current = now;
    this.changed.emit(now, before);
    if (!now.suspended) for (const wake of [...this.sleepers]) wake();
  }

  /** Resolves when the agent is awake, or when the signal fires. Needs no timer. */
  async untilAwake(signal: AbortSignal): Promise<void> {
    if (!this.current.suspended || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = () => {
        signal.removeEventListener("abort", done);
        this.sleepers.delete(done);
        resolve();
      };
      signal.addEventListener("abort", done, { once: true });
      this.sleepers.add(done);
    });
  }
}
