import { blobsOf, TreeError } from "../../shared/files/tree.ts";
import { Gate } from "../../shared/gate.ts";
import type { PlacedInput } from "../../shared/node.ts";
import { untilAborted } from "../../shared/wait.ts";
import { StartFailedError } from "../executors/port/executor.ts";
import type { BlobCache } from "./blob-cache.ts";
import { LostBlobError } from "./blob-reader.ts";
import { cachedTree, setIdOf } from "./cached-tree.ts";
import { type BlobSource, fetchBatch, isNoRoom, type WantedBlob } from "./fetch-batch.ts";

/** How far the files of an input are. */
export interface FetchProgress {
  /** Of all its files, as far as they are known. */
  totalBytes: number;
  /** Of those that are here. */
  doneBytes: number;
  /** Of those that came over the network for this job, or for another one at the same time. */
  fetchedBytes: number;
}

export interface InputFetcherParts {
  cache: BlobCache;
  source: BlobSource;
}

/** One request asks for no more than this, and a single blob may be larger than the bytes. */
const BATCH_BYTES = 4 * 1024 * 1024;
const BATCH_BLOBS = 2_000;
/** Requests at the same time: of one job, and of all together. */
const JOB_REQUESTS = 2;
const ALL_REQUESTS = 2;
/** Something else may remove or damage what was just fetched. It does not do so for long. */
const MAX_ROUNDS = 20;

/**
 * Brings the files of jobs into the cache. A blob that several jobs need at the same time is fetched once: who needs it
 * first claims it, and the others wait for that.
 */
export class InputFetcher {
  /** The blobs that are being fetched. The promises never reject. */
  private readonly claims = new Map<string, Promise<void>>();
  /** The sets that a job is fetching; other jobs wait for it. The promises never reject. */
  private readonly sets = new Map<string, { over: Promise<void>; progress: FetchProgress }>();
  private readonly gate = new Gate(ALL_REQUESTS);

  constructor(private readonly parts: InputFetcherParts) {}

  /**
   * Resolves when the cache has everything that the inputs need, pinned for the execution. Throws StartFailedError if it
   * cannot, and the signal's reason. Each input gets its entry in `progress` when its turn comes.
   */
  async fetch(
    executionId: string,
    inputs: readonly PlacedInput[],
    progress: FetchProgress[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const input of inputs) {
      const setId = setIdOf(input);
      this.parts.cache.pin(executionId, setId);
      const at = progress.push({ totalBytes: 0, doneBytes: 0, fetchedBytes: 0 }) - 1;
      for (let round = 0; !this.parts.cache.isComplete(setId); round++) {
        if (round === MAX_ROUNDS) throw doesNotStay(this.parts.cache);
        const other = this.sets.get(setId);
        if (other) {
          progress[at] = other.progress;
          await untilAborted(other.over, signal);
        } else {
          const own = { totalBytes: 0, doneBytes: 0, fetchedBytes: progress[at]?.fetchedBytes ?? 0 };
          progress[at] = own;
          await this.lead(setId, input, own, signal);
        }
      }
    }
  }

  private async lead(setId: string, input: PlacedInput, progress: FetchProgress, signal: AbortSignal) {
    const over = Promise.withResolvers<void>();
    this.sets.set(setId, { over: over.promise, progress });
    try {
      const isHere = await new Round(this.parts, this.claims, this.gate, input, progress, signal).run();
      if (isHere) this.parts.cache.complete(setId);
    } finally {
      this.sets.delete(setId);
      over.resolve();
    }
  }
}

function doesNotStay({ dir }: BlobCache): Error {
  return new StartFailedError(
    `The files of the job do not stay in this node's cache (${dir}). Is its disk full or damaged?`,
  );
}

/**
 * One look at everything that an input needs: claims and fetches what is missing, and waits for what others claimed, who may
 * fail.
 */
class Round {
  private batch = new Map<string, WantedBlob>();
  private batchBytes = 0;
  private batchDone = Promise.withResolvers<void>();
  private readonly sending = new Set<Promise<void>>();
  private failure: unknown;
  /** What was claimed: by this round, and by others. */
  private readonly own = new Set<Promise<void>>();
  private readonly others = new Set<Promise<void>>();
  private readonly packs = new Set<number>();
  /** Something that may not be here was not fetched by this round. */
  private isUnsure = false;
  private readonly setId: string;

  constructor(
    private readonly parts: InputFetcherParts,
    private readonly claims: Map<string, Promise<void>>,
    private readonly gate: Gate,
    private readonly input: PlacedInput,
    private readonly progress: FetchProgress,
    private readonly signal: AbortSignal,
  ) {
    this.setId = setIdOf(input);
  }

  /** Whether everything is there, so that no other round is needed. */
  async run(): Promise<boolean> {
    const { removals } = this.parts.cache;
    try {
      for (const part of this.input.tree.parts) await this.want(part, { bytes: 0, path: this.input.field });
      await this.settle();
      await this.wantFiles();
    } finally {
      this.send();
      await Promise.all(this.sending);
      this.noteSet();
    }
    await this.settle();
    return !this.isUnsure && this.parts.cache.removals === removals;
  }

  private noteSet(): void {
    const { cache } = this.parts;
    try {
      cache.belongTo(this.setId, this.packs);
    } catch (error) {
      if (!isNoRoom(error)) throw error;
      const why = `the disk of this node has no room below ${cache.dir}`;
      this.failure ??= new StartFailedError(`${this.input.field}: its files cannot be fetched: ${why}.`);
    }
  }

  private async wantFiles(): Promise<void> {
    const { input, parts, progress } = this;
    const below = input.to === "." ? "" : `${input.to}/`;
    try {
      for await (const entry of cachedTree(parts.cache.dir, input)) {
        if (entry.type !== "file") continue;
        progress.totalBytes += entry.size;
        const path = input.type === "file" ? input.to : below + entry.path;
        for (const { sha256, bytes } of blobsOf(entry)) await this.want(sha256, { bytes, path });
      }
    } catch (error) {
      if (error instanceof TreeError)
        throw new StartFailedError(`${input.field}: the list of its files cannot be used: ${error.message}.`);
      if (!(error instanceof LostBlobError)) throw error;
      parts.cache.removeBlob(error.sha256);
    }
  }

  private async want(sha256: string, blob: WantedBlob): Promise<void> {
    const pack = this.parts.cache.packOf(sha256);
    if (pack !== undefined) {
      this.packs.add(pack);
      this.progress.doneBytes += blob.bytes;
      return;
    }
    const claimed = this.claims.get(sha256);
    if (claimed && this.own.has(claimed)) {
      this.progress.doneBytes += blob.bytes; // It comes once, and is counted once more.
      return;
    }
    if (claimed) {
      this.isUnsure = true;
      this.others.add(claimed);
      return;
    }
    this.claims.set(sha256, this.batchDone.promise);
    this.own.add(this.batchDone.promise);
    this.batch.set(sha256, blob);
    this.batchBytes += blob.bytes;
    if (this.batchBytes < BATCH_BYTES && this.batch.size < BATCH_BLOBS) return;
    this.send();
    while (this.sending.size >= JOB_REQUESTS) await Promise.race(this.sending);
    this.throwFailure();
  }

  /** Resolves when nothing is on its way any more. */
  private async settle(): Promise<void> {
    this.send();
    await Promise.all([...this.sending, ...this.others]);
    this.others.clear();
    this.throwFailure();
  }

  private throwFailure(): void {
    this.signal.throwIfAborted();
    if (this.failure !== undefined) throw this.failure;
  }

  private send(): void {
    if (this.batch.size === 0) return;
    const { batch, batchDone } = this;
    this.batch = new Map();
    this.batchBytes = 0;
    this.batchDone = Promise.withResolvers();
    const sending = this.fetch(batch)
      .catch((error) => (this.failure ??= error))
      .then(() => {
        for (const sha256 of batch.keys()) this.claims.delete(sha256);
        batchDone.resolve();
        this.sending.delete(sending);
      });
    this.sending.add(sending);
  }

  private async fetch(batch: ReadonlyMap<string, WantedBlob>): Promise<void> {
    const { parts, setId, progress, signal } = this;
    if (this.failure !== undefined) return;
    const leave = await this.gate.enter(signal);
    try {
      await fetchBatch(
        {
          ...parts,
          setId,
          stillMissing: () => progress.totalBytes - progress.doneBytes,
          onBlob: ({ bytes }) => this.arrived(progress, bytes),
        },
        batch,
        signal,
      );
    } finally {
      leave();
    }
  }

  private arrived(progress: FetchProgress, bytes: number): void {
    progress.doneBytes += bytes;
    progress.fetchedBytes += bytes;
  }
}
