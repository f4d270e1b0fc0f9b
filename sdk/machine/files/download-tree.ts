import type { StoredTree } from "../../../shared/artifact.ts";
import { sha256Of } from "../../../shared/files/sha256.ts";
import { blobsOf, type TreeEntry } from "../../../shared/files/tree.ts";
import { GARBAGE_OF_FILE_BYTES, leaveGarbage } from "../../../shared/garbage.ts";
import { Turns } from "../../../shared/turns.ts";
import { isTemporary } from "../../errors.ts";
import type { FileServer } from "../../files/file-server.ts";
import type { Patience } from "../../patience.ts";
import { type Blob, readTree, withBlobs } from "./fetch-blobs.ts";
import { EntrySelector, FileGlobs } from "./file-globs.ts";
import { checkFree, isSame, moveIn, setModes } from "./move-in.ts";
import { Placer } from "./placer.ts";
import { Staging } from "./staging.ts";

export interface DownloadProgress {
  files: number;
  bytes: number;
  /** Of `files`, those that are complete. */
  filesDone: number;
  /** Of `bytes`, those that are on this disk. */
  bytesDone: number;
}

export interface DownloadOptions extends Patience {
  /** Only what these choose; see `FileGlobs`. Default: everything. */
  globs?: readonly string[];
  /** Overwrite files that exist. */
  force?: boolean;
  /** Called after each file and each part of a large one. */
  onProgress?: (progress: Readonly<DownloadProgress>) => void;
}

export interface Downloaded {
  files: number;
  bytes: number;
  /** Of `bytes`, those that were not in the directory already. */
  fetchedBytes: number;
}

const SLICE_MS = 10;

/**
 * Downloads a tree, or what the globs choose of it, into a directory, which is made if it does not exist. The files are
 * put together next to their place and moved there at the end: if this throws, the directory is as it was. If the process
 * is killed or the server goes away for good, the next call goes on where this one stopped. Files and links that are
 * there already with the same content are left alone.
 *
 * Throws FileError, TreeError, and what `ComputeClient` throws once patience has run out.
 */
export async function downloadTree(
  server: FileServer,
  tree: StoredTree,
  directory: string,
  options: DownloadOptions = {},
): Promise<Downloaded> {
  const { progress, there } = await survey(server, tree, directory, options);
  const { files, bytes } = progress;
  const fetchedBytes = bytes - progress.bytesDone;
  const key = sha256Of(Buffer.from(JSON.stringify([tree.sha256, options.globs ?? []])));
  const staging = Staging.open(directory, key);
  try {
    await new Download(server, tree, staging, directory, options, progress, there).run();
    staging.remove();
  } catch (error) {
    if (!isTemporary(error)) staging.remove();
    throw error;
  }
  return { files, bytes, fetchedBytes };
}

/** Reads the tree once before anything is fetched: what cannot be placed is refused now, and progress has a total. */
async function survey(
  server: FileServer,
  tree: StoredTree,
  directory: string,
  options: DownloadOptions,
): Promise<{ progress: DownloadProgress; there: Set<string> }> {
  const there = new Set<string>();
  const progress = { files: 0, bytes: 0, filesDone: 0, bytesDone: 0 };
  for await (const entry of chosen(server, tree, options)) {
    const isThere = await isSame(directory, entry);
    if (isThere) there.add(entry.path);
    else checkFree(directory, entry.path, entry.type === "directory", options.force ?? false);
    if (entry.type !== "file") continue;
    progress.files++;
    progress.bytes += entry.size;
    if (!isThere) continue;
    progress.filesDone++;
    progress.bytesDone += entry.size;
  }
  return { progress, there };
}

async function* chosen(server: FileServer, tree: StoredTree, options: DownloadOptions) {
  const selector = options.globs && new EntrySelector<TreeEntry>(new FileGlobs(options.globs));
  for await (const entry of readTree(server, tree, options)) {
    if (selector) yield* selector.push(entry);
    else yield entry;
  }
}

/** An entry to begin, whose first `from` bytes are there, or the next bytes of the last one. */
type Step = { entry: TreeEntry; from: number } | Blob;

class Download {
  private readonly placer: Placer;
  private readonly directories: { path: string; mode: number }[] = [];
  private readonly turns: Turns;
  private readonly filesThere: number;

  constructor(
    private readonly server: FileServer,
    private readonly tree: StoredTree,
    private readonly staging: Staging,
    private readonly directory: string,
    private readonly options: DownloadOptions,
    private readonly progress: DownloadProgress,
    /** The paths of files and links that are in the directory already. */
    private readonly there: ReadonlySet<string>,
  ) {
    this.filesThere = progress.filesDone;
    this.placer = new Placer(staging.path);
    this.turns = new Turns(SLICE_MS, options.signal);
  }

  async run(): Promise<void> {
    const blobOf = (step: Step) => ("entry" in step ? undefined : step);
    try {
      for await (const { item, content } of withBlobs(this.server, this.steps(), blobOf, this.options)) {
        if ("entry" in item) this.begin(item.entry, item.from);
        else if (content) await this.write(content);
        if (this.turns.isDue) await this.turns.next();
      }
      for (const _ of this.placer.makeLinks()) if (this.turns.isDue) await this.turns.next();
    } finally {
      this.placer.abort();
    }
    setModes(
      this.directory,
      this.directories,
      moveIn(this.staging.path, this.directory, this.options.force ?? false),
    );
  }

  private async *steps(): AsyncGenerator<Step, void, void> {
    for await (const entry of chosen(this.server, this.tree, this.options)) {
      if (this.there.has(entry.path)) {
        this.staging.clear(entry.path);
        continue;
      }
      if (entry.type === "link") this.staging.clear(entry.path);
      const from = entry.type === "file" ? this.staging.goodBytes(entry.path, entry) : 0;
      yield { entry, from };
      if (entry.type !== "file") continue;
      let at = 0;
      for (const blob of blobsOf(entry)) {
        if (at >= from) yield blob;
        at += blob.bytes;
      }
    }
  }

  private begin(entry: TreeEntry, from: number): void {
    this.placer.add(entry, from);
    leaveGarbage(GARBAGE_OF_FILE_BYTES);
    if (entry.type === "directory") this.directories.push({ path: entry.path, mode: entry.mode });
    this.progress.bytesDone += from;
    this.report();
  }

  private async write(content: Uint8Array): Promise<void> {
    await this.placer.write(content);
    this.progress.bytesDone += content.length;
    this.report();
  }

  private report(): void {
    this.progress.filesDone = this.filesThere + this.placer.files;
    this.options.onProgress?.(this.progress);
  }
}
