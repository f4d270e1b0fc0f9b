/** A command that copies the file renews its hold well before this. */
const HOLD_MS = 30_000;

/**
 * Keeps the store's file unchanged while somebody copies it: changes wait in the write-ahead log next to it. A hold ends
 * by itself if nobody renews it, so that the log does not grow without bound.
 */
export class FileHold {
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param exec runs SQL without a result on the store's connection. */
  constructor(private readonly exec: (sql: string) => void) {}

  /** Moves all changes into the file, and then leaves the file alone. Called again, it only extends the hold. */
  begin(): void {
    if (this.timer === undefined) {
      this.exec("PRAGMA wal_checkpoint(TRUNCATE)");
      this.exec("PRAGMA wal_autocheckpoint = 0");
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.end(), HOLD_MS);
    this.timer.unref();
  }

  /** Returns whether the file was held until now. */
  end(): boolean {
    if (this.timer === undefined) return false;
    clearTimeout(this.timer);
    this.timer = undefined;
    this.exec("PRAGMA wal_autocheckpoint = 1000");
    return true;
  }
}
