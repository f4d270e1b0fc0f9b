import { closeSync, fdatasync, fdatasyncSync, openSync } from "node:fs";
import { codeOf } from "../../shared/code-of.ts";

const QUICK_MS = 3;

/**
 * Brings the write-ahead log of a SQLite file to the disk. The file must be in WAL mode and
 * locked for this process, so that its log stays the same file until it is closed.
 */
export class LogSync {
  private fd: number | undefined;
  private lastTookMs = Number.POSITIVE_INFINITY;

  /** @param path the database file. */
  constructor(private readonly path: string) {}

  /**
   * Resolves when everything that was committed before the call is on disk, without holding up this thread. Rejects with the
   * error of the system.
   */
  async sync(): Promise<void> {
    const fd = this.open();
    if (fd === undefined) return;
    const startedMs = performance.now();
    await new Promise<void>((resolve, reject) =>
      fdatasync(fd, (error) => (error ? reject(error) : resolve())),
    );
    this.lastTookMs = performance.now() - startedMs;
  }

  /** The same on this thread. Throws the error of the system. */
  syncHere(): void {
    const fd = this.open();
    if (fd === undefined) return;
    const startedMs = performance.now();
    fdatasyncSync(fd);
    this.lastTookMs = performance.now() - startedMs;
  }

  /** Whether the last sync held up nobody for long; one on another thread also takes the way there and back. */
  isQuick(): boolean {
    return this.lastTookMs < QUICK_MS;
  }

  /** undefined: SQLite makes the log with the first change, and nothing has changed yet. */
  private open(): number | undefined {
    try {
      this.fd ??= openSync(`${this.path}-wal`, "r+");
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
    return this.fd;
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}
