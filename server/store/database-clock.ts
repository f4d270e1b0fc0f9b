import type { Clocks } from "../../shared/standstill.ts";

/** The machine's clock is used as it is where it differs by less: reading the other one is not more exact than that. */
const AGREES_MS = 1_000;
/** An answer that took longer says too little of the time. */
const MAX_ROUND_TRIP_MS = 1_000;

/**
 * The clock of the database, which is the same for every server on it: whatever the clock of one machine says, all of
 * them come to the same times. Between two looks it goes on by the machine's clock that only counts on.
 */
export class DatabaseClock {
  /** The two clocks of the machine at the last look. */
  private wallMs: number;
  private monotonicMs: number;
  private aheadMs = 0;
  private looking: Promise<void> | undefined;

  /** @param ask what time it is for the database, in epoch milliseconds. */
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
    // This machine's clock was set, or the machine slept: the next look shows which.
    this.look().catch(() => undefined);
    return Math.round(countedMs + this.aheadMs);
  }

  /** Asks the database. What it does not answer in time changes nothing. */
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
