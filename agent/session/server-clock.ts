/** A sample older than this gives way to a newer one, however good it was: clocks drift and laptops sleep. */
const SAMPLE_LIFE_MS = 10 * 60_000;
/** A long poll was held for a while and says little; it is worth something only while nothing better is known. */
const HELD_MS = 1_000;
/** Two clocks drift apart by less than this while a sample lives. */
const DRIFT_MS = 2_000;

/**
 * What time it is for the server, whatever this machine's clock says. The answer with the shortest way there and
 * back knows best: the server's clock was read somewhere between the two. An answer that cannot be true beside what is
 * known means that one of the clocks was set, and counts at once.
 */
export class ServerClock {
  /** Called when it becomes known, at first and after it was forgotten. */
  onKnown: (() => void) | undefined;
  private offsetMs = 0;
  private roundTripMs = Number.POSITIVE_INFINITY;
  private takenAtMs = Number.NEGATIVE_INFINITY;

  /** @param serverTime `now` of an answer to a request that was sent at `sentAtMs` and answered at `receivedAtMs`, by this machine's clock. */
  sample(serverTime: string, sentAtMs: number, receivedAtMs: number): void {
    const roundTripMs = receivedAtMs - sentAtMs;
    if (roundTripMs < 0) return;
    const serverMs = Date.parse(serverTime);
    const isSet =
      this.offsetMs < serverMs - receivedAtMs - DRIFT_MS || this.offsetMs > serverMs - sentAtMs + DRIFT_MS;
    if (isSet && this.localAheadMs !== undefined) this.forget();
    const isOld = receivedAtMs - this.takenAtMs > SAMPLE_LIFE_MS || receivedAtMs < this.takenAtMs;
    if (roundTripMs >= this.roundTripMs && !isOld) return;
    if (isOld && roundTripMs > HELD_MS && this.roundTripMs < HELD_MS) return;
    const isNews = this.localAheadMs === undefined;
    // The server reads its clock when it answers: at the end of a wait, else about half way.
    const readAtMs = roundTripMs > HELD_MS ? receivedAtMs : (sentAtMs + receivedAtMs) / 2;
    this.offsetMs = serverMs - readAtMs;
    this.roundTripMs = roundTripMs;
    this.takenAtMs = receivedAtMs;
    if (isNews) this.onKnown?.();
  }

  /** This machine's clock was set, or stood still: what was known of the server's is worth nothing. */
  forget(): void {
    this.roundTripMs = Number.POSITIVE_INFINITY;
    this.takenAtMs = Number.NEGATIVE_INFINITY;
  }

  /** What this machine's clock is ahead of the server's; undefined as long as nothing is known of it. */
  get localAheadMs(): number | undefined {
    return Number.isFinite(this.roundTripMs) ? -this.offsetMs : undefined;
  }

  nowMs(localMs = Date.now()): number {
    return localMs + this.offsetMs;
  }

  isPast(serverTime: string, localMs = Date.now()): boolean {
    return this.nowMs(localMs) >= Date.parse(serverTime);
  }
}
