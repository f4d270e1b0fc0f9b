import type { StoredTree } from "../../shared/artifact.ts";
import { fileLimits } from "../../shared/files/file-limits.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { type FileEntry, treeLine } from "../../shared/files/tree.ts";
import { GARBAGE_OF_FILE_BYTES, leaveGarbage } from "../../shared/garbage.ts";
import { Turns } from "../../shared/turns.ts";
import { Outage, type Patience } from "../patience.ts";
import { BlobSender } from "./blob-sender.ts";
import { FileError } from "./file-error.ts";
import type { FileServer } from "./file-server.ts";
import type { FoundFile, FoundTree } from "./find-files.ts";
import { FileReading } from "./read-file.ts";
import { TreeSender } from "./tree-sender.ts";

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

export interface UploadOptions extends Patience {
  /** Only files of this account are read. */
  ownerUid?: number;
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

const SLICE_MS = 10;
const EMPTY = sha256Of(new Uint8Array(0));

/**
 * Sends the files that were found, and then their tree. Each byte is read once, and only what the server lacks is sent: a
 * transfer that was cut goes on where it stopped when it is repeated. Memory stays below a fixed size. Throws FileError,
 * and what `ComputeClient` throws once patience has run out.
 */
export async function uploadTree(
  server: FileServer,
  found: FoundTree,
  options: UploadOptions = {},
): Promise<UploadedTree> {
  const cut = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, cut.signal]) : cut.signal;
  const upload = new Upload(server, found, options, signal);
  try {
    return await upload.run();
  } catch (error) {
    cut.abort(error);
    await upload.sender.settle();
    throw error;
  }
}

class Upload {
  readonly sender: BlobSender;
  private readonly tree: TreeSender;
  private readonly progress: UploadProgress;
  private readonly turns: Turns;
  private sentFiles = 0;
  private sentFileBytes = 0;

  constructor(
    server: FileServer,
    private readonly found: FoundTree,
    private readonly options: UploadOptions,
    signal: AbortSignal,
  ) {
    const { files, bytes } = found;
    this.progress = { files, bytes, filesRead: 0, bytesRead: 0, bytesSent: 0, bytesSkipped: 0 };
    this.sender = new BlobSender(server, new Outage({ ...options, signal }), signal, () => this.report());
    this.tree = new TreeSender(this.sender);
    this.turns = new Turns(SLICE_MS, signal);
  }

  async run(): Promise<UploadedTree> {
    for (const entry of this.found.entries) {
      const sent = entry.type === "file" ? await this.send(entry) : entry;
      if (sent !== undefined) await this.tree.add(treeLine(sent));
      leaveGarbage(GARBAGE_OF_FILE_BYTES);
      if (this.turns.isDue) await this.turns.next();
    }
    const tree = await this.tree.finish();
    await this.sender.finish();
    this.report();
    const { sentBytes } = this.sender.counts;
    return { tree, files: this.sentFiles, bytes: this.sentFileBytes, sentBytes };
  }

  /** Resolves with the file's entry; undefined if it cannot be sent. */
  private async send(file: FoundFile): Promise<FileEntry | undefined> {
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

  private async read(file: FoundFile): Promise<FileEntry> {
    const { path, mode, size } = file;
    const mtimeMs = Math.floor(file.mtimeMs);
    const fields = { type: "file", path, mode, mtimeMs, size } as const;
    using reading = new FileReading(file, this.options.ownerUid);
    if (size > 0 && size <= fileLimits.partBytes) {
      const { sha256 } = await this.sender.add(size, (target) => reading.fillWhole(target));
      this.progress.bytesRead += size;
      return { ...fields, sha256 };
    }
    reading.check();
    if (size === 0) return { ...fields, sha256: EMPTY };
    const whole = new Bun.CryptoHasher("sha256");
    const parts: string[] = [];
    for (let left = size; left > 0; ) {
      const bytes = Math.min(left, fileLimits.partBytes);
      const part = await this.sender.add(bytes, (target) => reading.fill(target));
      whole.update(part.content);
      parts.push(part.sha256);
      left -= bytes;
      this.progress.bytesRead += bytes;
      if (this.turns.isDue) await this.turns.next();
    }
    reading.check();
    return { ...fields, sha256: whole.digest("hex"), parts };
  }

  private report(): void {
    const { sentBytes, skippedBytes } = this.sender.counts;
    this.progress.bytesSent = sentBytes;
    this.progress.bytesSkipped = skippedBytes;
    this.options.onProgress?.(this.progress);
  }
}
