import { heededSignals } from "../exit/signals.ts";

/** What ends runs early: signals, their time limit, and a reader that goes. A second signal ends them at once. */
export class RunStops implements Disposable {
  isLate = false;
  isUnread = false;
  private readonly stop = new AbortController();
  private readonly harder = new AbortController();
  private readonly undo: (() => void)[] = [];

  constructor(timeoutMs: number | undefined) {
    for (const name of heededSignals()) {
      const onSignal = () => this.onSignal();
      process.on(name, onSignal);
      this.undo.push(() => process.off(name, onSignal));
    }
    if (timeoutMs === undefined) return;
    const timer = setTimeout(() => {
      this.isLate = !this.stop.signal.aborted;
      this.stop.abort();
    }, timeoutMs);
    this.undo.push(() => clearTimeout(timer));
  }

  get signal(): AbortSignal {
    return this.stop.signal;
  }

  get hurry(): AbortSignal {
    return this.harder.signal;
  }

  /** Nobody reads the log any more. */
  readerGone(): void {
    this.isUnread = true;
    this.stop.abort();
  }

  [Symbol.dispose](): void {
    for (const one of this.undo) one();
  }

  private onSignal(): void {
    if (this.stop.signal.aborted) this.harder.abort();
    else this.stop.abort();
  }
}
