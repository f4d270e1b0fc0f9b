import { closeSync, fdatasync, openSync } from "node:fs";
import { codeOf } from "../../shared/code-of.ts";

/**
 * Brings the write-ahead log of a SQLite file to the disk, without holding up this thread. The file must be in WAL mode and
 * locked for this process, so that its log stays the same file until it is closed.
 */
export class LogSync {
  private fd: number | undefined;

  /** @param path the database file. */
  constructor(private readonly path: string) {}

  /** Resolves when everything that was committed before the call is on disk. Rejects with the error of the system. */
  sync(): Promise<void> {
    try {
      this.fd ??= openSync(`${this.path}-wal`, "r+");
    } catch (error) {
      // SQLite makes the log with the first change: nothing has changed yet.
      return codeOf(error) === "ENOENT" ? Promise.resolve() : Promise.reject(error);
    }
    const { fd } = this;
    return new Promise((resolve, reject) => fdatasync(fd, (error) => (error ? reject(error) : resolve())));
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
    this.fd = undefined;
  }
}
