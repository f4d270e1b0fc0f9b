import type { NodeCondition } from "../../shared/node.ts";

type Listener = (now: NodeCondition, before: NodeCondition) => void;

/** How this agent is at the moment, as the server is told with every sign of life. */
export class Condition {
  private current: NodeCondition = { suspended: false };
  private readonly listeners: Listener[] = [];
  private readonly sleepers = new Set<() => void>();

  get value(): NodeCondition {
    return this.current;
  }

  /** Listeners hear of it once it is so, in the order in which they came; what is the same already is no change. */
  change(part: Partial<NodeCondition>): void {
    const before = this.current;
    const now = { ...before, ...part };
    if (now.suspended === before.suspended && now.refusing === before.refusing) return;
    this.current = now;
    for (const listener of this.listeners) listener(now, before);
    if (!now.suspended) for (const wake of [...this.sleepers]) wake();
  }

  onChange(listener: Listener): void {
    this.listeners.push(listener);
  }

  /** Resolves when the agent does not sleep, or when the signal fires. Needs no timer. */
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
