import { bytesText } from "../../shared/bytes-text.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { comparePaths, pathProblem } from "../../shared/files/path.ts";
import { textOf } from "../../shared/text-of.ts";
import { FileError, shownPath } from "./file-error.ts";
import type { EntryToSend, FileReader, FileToSend, OpenFile, TreeToSend } from "./tree-to-send.ts";
import { webHashing } from "./web-hashing.ts";

/** A file to upload: content that a program holds, or a `File` that somebody chose or dropped on a page. */
export interface BlobFile {
  /** Where it belongs: `src/main.c`. The directories above it are made. */
  path: string;
  blob: Blob;
  /** The permission bits. Default: 0o644. */
  mode?: number;
}

/** A file to send, and its content. */
interface HeldFile extends FileToSend {
  blob: Blob;
}

const DEFAULT_MODE = 0o644;
const DIRECTORY_MODE = 0o755;

/**
 * The files as a tree; a single one that is in no directory is a tree of one file. Throws FileError for a path that cannot
 * be in a tree, and for two files at one place.
 */
export function treeOfBlobs(files: readonly BlobFile[]): TreeToSend<HeldFile> {
  const entries = new Map<string, EntryToSend<HeldFile>>();
  let bytes = 0;
  for (const file of files) {
    const entry = entryOf(file);
    if (entries.has(entry.path)) throw unsuitable(entry.path, "it is there twice");
    entries.set(entry.path, entry);
    bytes += entry.size;
  }
  for (const { path } of files) addDirectories(entries, path);
  if (entries.size > fileLimits.maxEntries)
    throw unsuitable("the files", `they are more than ${fileLimits.maxEntries}, with their directories`);
  const inOrder = [...entries.values()].sort((a, b) => comparePaths(a.path, b.path));
  const tree = { entries: inOrder, files: files.length, bytes };
  const [first] = inOrder;
  if (inOrder.length === 1 && first) return { type: "file", name: first.path, ...tree };
  return { type: "directory", name: "files", ...tree };
}

function entryOf({ path, blob, mode = DEFAULT_MODE }: BlobFile): HeldFile {
  const problem = pathProblem(path);
  if (problem !== undefined) throw unsuitable(path, problem);
  const { size } = blob;
  if (size > fileLimits.maxFileBytes)
    throw unsuitable(
      path,
      `it has ${bytesText(size)}, which is more than ${bytesText(fileLimits.maxFileBytes)}`,
    );
  const mtimeMs = blob instanceof File ? blob.lastModified : undefined;
  return { type: "file", path, mode: mode & 0o777, mtimeMs, size, blob };
}

function addDirectories(entries: Map<string, EntryToSend<HeldFile>>, path: string): void {
  for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
    const directory = path.slice(0, end);
    const there = entries.get(directory);
    if (there?.type === "directory") return; // With all that are above it.
    if (there) throw unsuitable(directory, "it is a file, and also a directory with other files");
    entries.set(directory, { type: "directory", path: directory, mode: DIRECTORY_MODE });
  }
}

function unsuitable(path: string, problem: string): FileError {
  return new FileError("unsuitable", shownPath(path), problem);
}

/** Reads files that a program or a browser holds. */
export const blobReader: FileReader<HeldFile> = {
  hashing: webHashing,
  open: (file) => new OpenBlob(file),
};

class OpenBlob implements OpenFile {
  private offset = 0;

  constructor(private readonly file: HeldFile) {}

  async fill(target: Uint8Array): Promise<void> {
    const end = this.offset + target.length;
    try {
      target.set(new Uint8Array(await this.file.blob.slice(this.offset, end).arrayBuffer()));
    } catch (cause) {
      // A browser refuses to read a file that is not as it was when it was chosen.
      const why = `it cannot be read any more, or has changed: ${textOf(cause)}`;
      throw new FileError("changed", shownPath(this.file.path), why, { cause, todo: "Choose it again" });
    }
    this.offset = end;
  }

  fillWhole(target: Uint8Array): Promise<void> {
    return this.fill(target);
  }

  check(): void {} // `fill` does.

  close(): void {}
}
