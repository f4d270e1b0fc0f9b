/**
 * Why files could not be sent or placed.
 * `unsuitable`: it cannot be in a tree: a device, a link that leads out, a name with a newline.
 * `unreadable`: it cannot be read, or is not there.
 * `changed`: it changed, grew, shrank or vanished while it was sent.
 * `exists`: something else is where it should be placed.
 * `disk`: it cannot be written: the disk is full, or the directory is not writable.
 */
export type FileErrorReason = "unsuitable" | "unreadable" | "changed" | "exists" | "disk";

/** A file cannot be sent or placed. The message names the file and says what to do. */
export class FileError extends Error {
  override name = "FileError";

  constructor(
    readonly reason: FileErrorReason,
    /** The path as it should be shown to people. */
    readonly path: string,
    /** What is wrong with it, in one sentence without the path. */
    readonly problem: string,
    options: { todo?: string; cause?: unknown } = {},
  ) {
    super(`${path}: ${problem}${options.todo === undefined ? "" : `. ${options.todo}`}`, {
      cause: options.cause,
    });
  }
}

/** The path for people: in JSON's notation if it contains characters that would disturb a terminal. */
export function shownPath(path: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters that disturb
  return /[\0-\x1f\x7f-\x9f]/.test(path) || !path.isWellFormed() ? JSON.stringify(path) : path;
}
