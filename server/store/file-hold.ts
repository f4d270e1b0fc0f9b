/** A command that copies the file asks again well before this. */
const HOLD_MS = 30_000;

/**
 * Keeps the file of the store as it is while somebody copies it: changes wait in the write-ahead log beside it. Ends by
 * itself when nobody asks for it any longer, so that the log does not grow for ever.
 */
export class FileHold {
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** @param exec runs SQL without a result on the store's connection. */
  constructor(private readonly exec: (sql: string) => void) {}

  /** Brings all changes into the file and leaves it alone; the second time, only for longer. */
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
