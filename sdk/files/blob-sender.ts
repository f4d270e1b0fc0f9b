import { PACK_HEADER_BYTES } from "../../shared/files/pack.ts";
import { BlobBatch } from "./blob-batch.ts";
import type { FileServer } from "./file-server.ts";
import type { Hashing } from "./hashing.ts";

const MAX_ON_THE_WAY = 2;

/** Repeats a step while the server is away. */
export interface Retrying {
  trying<T>(step: () => Promise<T>): Promise<T>;
}

export interface SentCounts {
  /** Content that the server did not have. */
  sentBytes: number;
  sentBlobs: number;
  /** Content that it had. */
  skippedBytes: number;
}

/** Sends blobs in batches, of each only what the server lacks. At most two batches are on their way at a time. */
export class BlobSender {
  readonly counts: SentCounts = { sentBytes: 0, sentBlobs: 0, skippedBytes: 0 };
  private current: BlobBatch;
  private readonly free: BlobBatch[] = [];
  private readonly onTheWay = new Set<Promise<void>>();
  /** The batches on their way. */
  private ahead: BlobBatch[] = [];
  private failure: { error: unknown } | undefined;
  private bytes = 0;

  constructor(
    private readonly server: FileServer,
    private readonly hashing: Hashing,
    private readonly retrying: Retrying,
    private readonly signal: AbortSignal,
    private readonly onSent: () => void,
  ) {
    this.current = new BlobBatch(hashing);
  }

  /** Adds a blob; waits for its turn while too much is on the way. `content` is valid until the next call. */
  async add(
    bytes: number,
    fill: (target: Uint8Array) => void | Promise<void>,
  ): Promise<{ sha256: string; content: Uint8Array }> {
    if (!this.current.hasRoomFor(bytes)) await this.flush();
    this.bytes += bytes;
    // What is on its way in another batch need not be sent in this one.
    return this.current.add(bytes, fill, (sha256) => this.ahead.some((batch) => batch.has(sha256)));
  }

  /** Everything that was added is durable at the server. */
  async finish(): Promise<void> {
    if (!this.current.isEmpty) await this.flush();
    await Promise.all(this.onTheWay);
    if (this.failure) throw this.failure.error;
  }

  /** Waits until nothing is on its way any more, after the signal fired. Never rejects. */
  async settle(): Promise<void> {
    await Promise.all(this.onTheWay);
  }

  private async flush(): Promise<void> {
    while (this.onTheWay.size >= MAX_ON_THE_WAY && !this.failure) await Promise.race(this.onTheWay);
    if (this.failure) throw this.failure.error;
    const batch = this.current;
    const { bytes } = this;
    this.current = this.free.pop() ?? new BlobBatch(this.hashing);
    this.bytes = 0;
    this.ahead.push(batch);
    const sending = this.send(batch, bytes)
      .catch((error: unknown) => {
        this.failure ??= { error };
      })
      .finally(() => {
        this.ahead = this.ahead.filter((other) => other !== batch);
        batch.clear();
        this.free.push(batch);
        this.onTheWay.delete(sending);
      });
    this.onTheWay.add(sending);
  }

  private async send(batch: BlobBatch, bytes: number): Promise<void> {
    const missing = new Set(
      await this.retrying.trying(() => this.server.missing(batch.digests, this.signal)),
    );
    const pack = batch.packOf(missing);
    if (missing.size > 0) await this.retrying.trying(() => this.server.upload(pack, this.signal));
    const sentBytes = pack.length - missing.size * PACK_HEADER_BYTES;
    this.counts.sentBlobs += missing.size;
    this.counts.sentBytes += sentBytes;
    this.counts.skippedBytes += bytes - sentBytes;
    this.onSent();
  }
}
