import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  ftruncateSync,
  futimesSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  symlinkSync,
  write,
  writeSync,
} from "node:fs";
import { promisify } from "node:util";
import { codeOf } from "../../../shared/code-of.ts";
import type { FileEntry, TreeEntry } from "../../../shared/files/tree.ts";
import { textOf } from "../../../shared/text-of.ts";
import { FileError, shownPath } from "../../files/file-error.ts";

export interface PlaceOptions {
  /** Where in the directory the tree goes; missing directories are made. Default: `.`. */
  to?: string;
  /**
   * The directory or file of the tree that becomes `to`; only it and what is in it is placed. Default: `.`, the whole tree.
   */
  base?: string;
  /** The account that gets everything. */
  owner?: { uid: number; gid: number };
}

const CREATE_FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
/** Until everything is in place, nobody else has to look in there, and we must be able to. */
const MODE_WHILE_PLACING = 0o700;
const DEFAULT_MODE = 0o755;
const WRITABLE = 0o600;
/** Writing more than this goes through a thread, since a busy disk may take its time. */
const MAX_SYNC_BYTES = 64 * 1024;
const writeInThread = promisify(write);

interface OpenFile {
  path: string;
  entry: FileEntry;
  descriptor: number;
  written: number;
  mustChangeMode: boolean;
}

/**
 * Places the entries of a tree below a directory: `add` each in its order and `write` its content, then `makeLinks` and
 * `setModes`. Nothing that exists is overwritten, and nothing goes through a link that exists. No other account may be able to write in the
 * directory meanwhile. All methods throw FileError.
 */
export class Placer {
  /** Those made here, by path below the directory, with the mode they get in the end. */
  private readonly made = new Map<string, number>();
  /** Paths known to be directories, and no links to some. */
  private readonly known = new Set<string>([""]);
  private readonly links: { path: string; target: string }[] = [];
  private file: OpenFile | undefined;
  /** The number of files that are complete. */
  files = 0;
  private readonly to: string;
  private readonly base: string;
  private readonly umask = process.umask();

  constructor(
    private readonly directory: string,
    private readonly options: PlaceOptions = {},
  ) {
    this.to = options.to === undefined || options.to === "." ? "" : options.to;
    this.base = options.base === undefined || options.base === "." ? "" : options.base;
  }

  /** Makes the directory in which the tree goes, even if nothing is in the tree. */
  makeTarget(): void {
    if (this.to !== "") this.makeDirectory(this.to, DEFAULT_MODE);
  }

  /** Where the entry goes, below the directory; undefined if it is not placed. */
  placeOf({ path }: TreeEntry): string | undefined {
    if (this.base === "") return this.to === "" ? path : `${this.to}/${path}`;
    if (path === this.base) return this.to;
    if (!path.startsWith(`${this.base}/`)) return undefined;
    const below = path.slice(this.base.length + 1);
    return this.to === "" ? below : `${this.to}/${below}`;
  }

  /**
   * Begins an entry. After a file, `write` its content until it has its size.
   *
   * @param from the file is there already, and its first `from` bytes are good.
   */
  add(entry: TreeEntry, from = 0): void {
    const path = this.placeOf(entry);
    if (path === undefined) return;
    if (entry.type === "directory") {
      this.makeDirectory(path, entry.mode);
      return;
    }
    if (path === "") throw new FileError("exists", shownPath(entry.path), "it needs a name in the directory");
    this.makeParents(path);
    if (entry.type === "link") this.links.push({ path, target: entry.target });
    else this.begin(path, entry, from);
  }

  /** Writes the next bytes of the file. Resolves at once for few bytes. */
  write(content: Uint8Array): Promise<void> | undefined {
    const { file } = this;
    if (!file) return undefined;
    if (content.length > MAX_SYNC_BYTES) return this.writeMuch(file, content);
    this.trying(file.path, () => {
      for (let at = 0; at < content.length; )
        at += writeSync(file.descriptor, content, at, content.length - at, file.written + at);
    });
    this.wrote(file, content.length);
    return undefined;
  }

  /** Makes the links. Yields now and then, when it may be interrupted. */
  *makeLinks(): Generator<void> {
    for (const { path, target } of this.links) {
      this.trying(path, () => {
        symlinkSync(target, this.at(path));
        if (this.options.owner) lchownSync(this.at(path), this.options.owner.uid, this.options.owner.gid);
      });
      yield;
    }
  }

  /** Gives the directories that were made here their modes. Yields now and then, when it may be interrupted. */
  *setModes(): Generator<void> {
    // From the bottom up: a mode may lock us out.
    for (const [path, mode] of [...this.made].reverse()) {
      this.trying(path, () => {
        if (this.options.owner) lchownSync(this.at(path), this.options.owner.uid, this.options.owner.gid);
        chmodSync(this.at(path), mode);
      });
      yield;
    }
  }

  /** Closes what is open. What was placed stays. */
  abort(): void {
    if (this.file) closeSync(this.file.descriptor);
    this.file = undefined;
  }

  private begin(path: string, entry: FileEntry, from: number): void {
    const descriptor = this.trying(path, () => {
      if (from === 0) return openSync(this.at(path), CREATE_FLAGS, entry.mode);
      chmodSync(this.at(path), WRITABLE);
      const opened = openSync(this.at(path), constants.O_WRONLY | constants.O_NOFOLLOW);
      ftruncateSync(opened, from);
      return opened;
    });
    const mustChangeMode = from > 0 || (entry.mode & this.umask) !== 0;
    this.file = { path, entry, descriptor, written: from, mustChangeMode };
    if (from === entry.size) this.end(this.file);
  }

  private async writeMuch(file: OpenFile, content: Uint8Array): Promise<void> {
    for (let at = 0; at < content.length; ) {
      try {
        const left = content.length - at;
        const { bytesWritten } = await writeInThread(file.descriptor, content, at, left, file.written + at);
        at += bytesWritten;
      } catch (error) {
        throw this.failed(file.path, error);
      }
    }
    this.wrote(file, content.length);
  }

  private wrote(file: OpenFile, bytes: number): void {
    file.written += bytes;
    if (file.written >= file.entry.size) this.end(file);
  }

  private end({ path, entry, descriptor, mustChangeMode }: OpenFile): void {
    this.trying(path, () => {
      const { owner } = this.options;
      if (owner) fchownSync(descriptor, owner.uid, owner.gid);
      if (mustChangeMode) fchmodSync(descriptor, entry.mode);
      if (entry.mtimeMs !== undefined) {
        const seconds = secondsOf(entry.mtimeMs);
        futimesSync(descriptor, seconds, seconds);
      }
      this.file = undefined;
      closeSync(descriptor);
      this.files++;
    });
  }

  private makeParents(path: string): void {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf("/")));
    if (this.known.has(parent)) return;
    this.makeDirectory(parent, DEFAULT_MODE, true);
  }

  private makeDirectory(path: string, mode: number, isParent = false): void {
    if (this.known.has(path)) {
      if (this.made.has(path) && !isParent) this.made.set(path, mode);
      return;
    }
    this.makeParents(path);
    try {
      mkdirSync(this.at(path), MODE_WHILE_PLACING);
      this.made.set(path, mode);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw this.failed(path, error);
      this.checkExisting(path);
    }
    this.known.add(path);
  }

  /** A directory that was there before is used; a link or file is not, nor one made here under another spelling. */
  private checkExisting(path: string): void {
    const { dev, ino, ...stat } = this.trying(path, () => {
      const found = lstatSync(this.at(path));
      return { dev: found.dev, ino: found.ino, isDirectory: found.isDirectory() };
    });
    if (!stat.isDirectory) throw this.failed(path, { code: "EEXIST" });
    const folded = path.normalize("NFC").toLowerCase();
    for (const other of this.made.keys()) {
      if (other.normalize("NFC").toLowerCase() !== folded) continue;
      const found = lstatSync(this.at(other));
      if (found.dev === dev && found.ino === ino) throw this.sameName(path, other);
    }
  }

  private sameName(path: string, other: string): FileError {
    return new FileError(
      "exists",
      shownPath(path),
      `on this file system it has the same name as ${shownPath(other)}, since upper and lower case count as equal`,
    );
  }

  private at(path: string): string {
    return path === "" ? this.directory : `${this.directory}/${path}`;
  }

  private trying<T>(path: string, step: () => T): T {
    try {
      return step();
    } catch (error) {
      throw this.failed(path, error);
    }
  }

  private failed(path: string, error: unknown): FileError {
    if (error instanceof FileError) return error;
    const code = codeOf(error);
    const shown = shownPath(path);
    if (code === "EEXIST")
      return new FileError(
        "exists",
        shown,
        "there is something with this name already, or with one that differs only by case on a file system that folds case",
        { cause: error },
      );
    if (code === "ENOSPC" || code === "EDQUOT")
      return new FileError("disk", shown, `there is no room left on the disk of ${this.directory}`, {
        todo: "Make room and try again",
        cause: error,
      });
    return new FileError("disk", shown, `cannot write it in ${this.directory}: ${textOf(error)}`, {
      cause: error,
    });
  }
}

/** File times are set in seconds. Half a microsecond more keeps the last millisecond through the rounding. */
function secondsOf(ms: number): number {
  return ms / 1_000 + 5e-7;
}
