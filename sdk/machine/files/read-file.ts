import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from "node:fs";
import { codeOf } from "../../../shared/code-of.ts";
import { textOf } from "../../../shared/text-of.ts";
import { FileError, shownPath } from "../../files/file-error.ts";
import type { OpenFile } from "../../files/tree-to-send.ts";
import type { FoundFile } from "./find-files.ts";

// O_NONBLOCK: a named pipe that took the file's place would block the open.
const OPEN_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/**
 * Reads a file that was found, from its begin to its end. Throws FileError `changed` if it is not the file that was found
 * any more, or changes while it is read. Call `check` before the first part and after the last one; `fillWhole` needs no
 * other check.
 */
export class FileReading implements OpenFile {
  private readonly descriptor: number;
  private offset = 0;

  /** @param ownerUid only a file of this account passes a check: the last guard against a path that leads elsewhere. */
  constructor(
    private readonly file: FoundFile,
    private readonly ownerUid?: number,
  ) {
    this.descriptor = this.trying(() => openSync(file.source, OPEN_FLAGS));
  }

  /** Fills the target with the next bytes. */
  fill(target: Uint8Array): void {
    let filled = 0;
    while (filled < target.length) {
      const got = this.trying(() =>
        readSync(this.descriptor, target, filled, target.length - filled, this.offset),
      );
      if (got === 0) throw this.changed("it became smaller while it was sent");
      filled += got;
      this.offset += got;
    }
  }

  /** Fills the target with all bytes. One check is enough: what is as it was found now was so before. */
  fillWhole(target: Uint8Array): void {
    try {
      this.fill(target);
    } catch (error) {
      // Says more if something else has taken the file's place.
      this.check();
      throw error;
    }
    this.check();
  }

  /** The file is as it was found. */
  check(): void {
    const stat = this.trying(() => fstatSync(this.descriptor));
    if (!stat.isFile()) throw this.changed("it was replaced by something else while it was sent");
    if (this.ownerUid !== undefined && stat.uid !== this.ownerUid)
      throw new FileError("unsuitable", shownPath(this.file.path), "it belongs to another account");
    this.compare(stat);
  }

  close(): void {
    closeSync(this.descriptor);
  }

  private compare({ size, mtimeMs, nlink }: Stats): void {
    const { file } = this;
    if (size > file.size) throw this.changed(`it grew from ${file.size} to ${size} bytes while it was sent`);
    if (size < file.size)
      throw this.changed(`it shrank from ${file.size} to ${size} bytes while it was sent`);
    if (mtimeMs !== file.mtimeMs) throw this.changed("it was changed while it was sent");
    if (nlink === 0) throw this.changed("it was removed while it was sent");
  }

  private trying<T>(step: () => T): T {
    try {
      return step();
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOENT" || code === "ENOTDIR") throw this.changed("it vanished while it was sent");
      if (code === "ELOOP") throw this.changed("it was replaced by a link while it was sent");
      const why = code === "EACCES" || code === "EPERM" ? "permission denied" : textOf(error);
      throw new FileError("unreadable", shownPath(this.file.path), why, { cause: error });
    }
  }

  private changed(problem: string): FileError {
    return new FileError("changed", shownPath(this.file.path), problem);
  }
}
