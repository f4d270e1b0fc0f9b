import { Emitter } from "../../shared/emitter.ts";

/** A sample older than this gives way to a newer one, however good it was: clocks drift and laptops sleep. */
const SAMPLE_LIFE_MS = 10 * 60_000;
/** The server held a request that took longer, so its answer says little. It counts only while nothing better is known. */
const HELD_MS = 1_000;
/** Two clocks drift apart by less than this during the life of a sample. */
const DRIFT_MS = 2_000;

/**
 * The server's time, whatever this machine's clock says. The answer with the shortest round trip is the most exact,
 * because the server read its clock somewhere in between. An answer that contradicts the estimate means that one of
 * the clocks was set, and replaces the estimate immediately.
 */
export class ServerClock {
  /** Emitted when the server's time becomes known: the first time, and after every `forget`. */
  readonly known = new Emitter();
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
    // The server reads its clock when it answers: at the end of a long wait, otherwise about half way.
    const readAtMs = roundTripMs > HELD_MS ? receivedAtMs : (sentAtMs + receivedAtMs) / 2;
    this.offsetMs = serverMs - readAtMs;
    this.roundTripMs = roundTripMs;
    this.takenAtMs = receivedAtMs;
    if (isNews) this.known.emit();
  }

  /** This machine's clock was set or stood still, so the estimate is worthless. */
  forget(): void {
    this.roundTripMs = Number.POSITIVE_INFINITY;
    this.takenAtMs = Number.NEGATIVE_INFINITY;
  }

  /** How far this machine's clock is ahead of the server's; undefined while the server's time is unknown. */
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
