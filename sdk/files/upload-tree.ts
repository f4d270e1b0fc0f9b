import type { StoredTree } from "../../shared/artifact.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import type { FileEntry } from "../../shared/files/tree.ts";
import { treeLine } from "../../shared/files/tree-line.ts";
import { Turns } from "../../shared/turns.ts";
import { BlobSender, type Retrying } from "./blob-sender.ts";
import { FileError } from "./file-error.ts";
import type { FileServer } from "./file-server.ts";
import { EMPTY_SHA256 } from "./hashing.ts";
import { TreeSender } from "./tree-sender.ts";
import type { FileReader, FileToSend, OpenFile, TreeToSend } from "./tree-to-send.ts";

export interface UploadProgress {
  files: number;
  bytes: number;
  /** Of `files`, those read so far. */
  filesRead: number;
  /** Of `bytes`, those read so far. */
  bytesRead: number;
  /** Bytes that went to the server. */
  bytesSent: number;
  /** Bytes that the server had already. */
  bytesSkipped: number;
}

export interface UploadOptions {
  /** Ends the upload; it then throws the signal's reason. */
  signal?: AbortSignal;
  /** Called for each file that cannot be sent; the others are. Default: the first one is thrown. */
  onProblem?: (error: FileError) => void;
  /** Called after each batch, many times a second. */
  onProgress?: (progress: Readonly<UploadProgress>) => void;
}

/** A tree whose every blob is at the server. */
export interface UploadedTree {
  tree: StoredTree;
  /** The number of files. */
  files: number;
  /** The sizes of all files together. */
  bytes: number;
  /** Bytes that the server did not have, those of the tree itself included. */
  sentBytes: number;
}

/**
 * What is on its way moves on only between two slices, piece by piece. Browsers wait some milliseconds between them, however
 * short they are.
 */
const SLICE_MS = typeof setImmediate === "undefined" ? 10 : 1;

/**
 * Sends files, and then their tree. Each byte is read once, and only what the server lacks is sent: a
 * transfer that was cut goes on where it stopped when it is repeated. Memory stays below a fixed size. Throws FileError,
 * and what `retrying` throws when it gives up.
 */
export async function uploadTree<File extends FileToSend>(
  server: FileServer,
  files: TreeToSend<File>,
  reader: FileReader<File>,
  retrying: (signal: AbortSignal) => Retrying,
  options: UploadOptions = {},
): Promise<UploadedTree> {
  const cut = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, cut.signal]) : cut.signal;
  const upload = new Upload(server, files, reader, retrying(signal), options, signal);
  try {
    return await upload.run();
  } catch (error) {
    cut.abort(error);
    await upload.sender.settle();
    throw error;
  }
}

class Upload<File extends FileToSend> {
  readonly sender: BlobSender;
  private readonly tree: TreeSender;
  private readonly progress: UploadProgress;
  private readonly turns: Turns;
  private sentFiles = 0;
  private sentFileBytes = 0;

  constructor(
    server: FileServer,
    private readonly toSend: TreeToSend<File>,
    private readonly reader: FileReader<File>,
    retrying: Retrying,
    private readonly options: UploadOptions,
    signal: AbortSignal,
  ) {
    const { files, bytes } = toSend;
    const { hashing } = reader;
    this.progress = { files, bytes, filesRead: 0, bytesRead: 0, bytesSent: 0, bytesSkipped: 0 };
    this.sender = new BlobSender(server, hashing, retrying, signal, () => this.report());
    this.tree = new TreeSender(this.sender, hashing);
    this.turns = new Turns(SLICE_MS, signal);
  }

  async run(): Promise<UploadedTree> {
    for (const entry of this.toSend.entries) {
      const sent = entry.type === "file" ? await this.send(entry) : entry;
      const added = sent && this.tree.add(treeLine(sent));
      if (added) await added;
      this.reader.afterEntry?.();
      if (this.turns.isDue) await this.turns.next();
    }
    const tree = await this.tree.finish();
    await this.sender.finish();
    this.report();
    const { sentBytes } = this.sender.counts;
    return { tree, files: this.sentFiles, bytes: this.sentFileBytes, sentBytes };
  }

  /** Resolves with the file's entry; undefined if it cannot be sent. */
  private async send(file: File): Promise<FileEntry | undefined> {
    try {
      const entry = await this.read(file);
      this.sentFiles++;
      this.sentFileBytes += file.size;
      this.progress.filesRead++;
      return entry;
    } catch (error) {
      if (!(error instanceof FileError) || !this.options.onProblem) throw error;
      this.options.onProblem(error);
      return undefined;
    }
  }

  private async read(file: File): Promise<FileEntry> {
    const { path, mode, mtimeMs, size } = file;
    const floored = mtimeMs === undefined ? undefined : Math.floor(mtimeMs);
    const fields = { type: "file", path, mode, mtimeMs: floored, size } as const;
    const open = this.reader.open(file);
    try {
      return { ...fields, ...(await this.sendContent(open, size)) };
    } finally {
      open.close();
    }
  }

  private async sendContent(file: OpenFile, size: number): Promise<Pick<FileEntry, "sha256" | "parts">> {
    if (size > 0 && size <= fileLimits.partBytes) {
      const { sha256 } = await this.sender.add(size, (target) => file.fillWhole(target));
      this.progress.bytesRead += size;
      return { sha256 };
    }
    file.check();
    if (size === 0) return { sha256: EMPTY_SHA256 };
    const whole = await this.reader.hashing.start();
    const parts: string[] = [];
    for (let left = size; left > 0; ) {
      const bytes = Math.min(left, fileLimits.partBytes);
      const part = await this.sender.add(bytes, (target) => file.fill(target));
      whole.update(part.content);
      parts.push(part.sha256);
      left -= bytes;
      this.progress.bytesRead += bytes;
      if (this.turns.isDue) await this.turns.next();
    }
    file.check();
    return { sha256: whole.hex(), parts };
  }

  private report(): void {
    const { sentBytes, skippedBytes } = this.sender.counts;
    this.progress.bytesSent = sentBytes;
    this.progress.bytesSkipped = skippedBytes;
    this.options.onProgress?.(this.progress);
  }
}
