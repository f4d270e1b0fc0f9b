import type { Clocks } from "../../shared/standstill.ts";

/** A smaller difference counts as none: the database's clock cannot be read more precisely. */
const AGREES_MS = 1_000;
/** An answer that took longer says too little about the time. */
const MAX_ROUND_TRIP_MS = 1_000;

/**
 * The clock of the database, which all servers on it share: they agree on the time even if the clock of one machine is
 * wrong. Between two looks at the database, the machine's monotonic clock moves the time on.
 */
export class DatabaseClock {
  /** The two clocks of the machine at the last look. */
  private wallMs: number;
  private monotonicMs: number;
  private aheadMs = 0;
  private looking: Promise<void> | undefined;

  /** @param ask resolves with the database's time in epoch milliseconds. */
  constructor(
    private readonly ask: () => Promise<number>,
    private readonly clocks: Clocks = { wallMs: Date.now, monotonicMs: () => performance.now() },
  ) {
    this.wallMs = clocks.wallMs();
    this.monotonicMs = clocks.monotonicMs();
  }

  /** Epoch milliseconds. */
  now(): number {
    const wallMs = this.clocks.wallMs();
    const countedMs = this.wallMs + this.clocks.monotonicMs() - this.monotonicMs;
    if (Math.abs(wallMs - countedMs) < AGREES_MS) return wallMs + this.aheadMs;
    // This machine's clock was set, or the machine slept. The next look shows which.
    this.look().catch(() => undefined);
    return Math.round(countedMs + this.aheadMs);
  }

  /** Asks the database for its time. An answer that comes too late changes nothing. */
  look(): Promise<void> {
    this.looking ??= this.lookOnce().finally(() => {
      this.looking = undefined;
    });
    return this.looking;
  }

  private async lookOnce(): Promise<void> {
    const sentMs = this.clocks.monotonicMs();
    const databaseMs = await this.ask();
    const [wallMs, monotonicMs] = [this.clocks.wallMs(), this.clocks.monotonicMs()];
    const roundTripMs = monotonicMs - sentMs;
    if (roundTripMs > MAX_ROUND_TRIP_MS) return;
    const aheadMs = databaseMs + roundTripMs / 2 - wallMs;
    this.aheadMs = Math.abs(aheadMs) < AGREES_MS ? 0 : Math.round(aheadMs);
    this.wallMs = wallMs;
    this.monotonicMs = monotonicMs;
  }
}
