import { blobsOfStoredTree, type StoredTree } from "../../../shared/artifact.ts";
import { fileLimits } from "../../../shared/files/file-limits.ts";
import { PackError, PackReader } from "../../../shared/files/pack-reader.ts";
import { type TreeEntry, TreeReader } from "../../../shared/files/tree.ts";
import { GARBAGE_OF_TREE, leaveGarbage } from "../../../shared/garbage.ts";
import { UnreachableError } from "../../errors.ts";
import type { FileServer } from "../../files/file-server.ts";
import { Outage, type Patience } from "../../patience.ts";

export interface Blob {
  sha256: string;
  bytes: number;
}

export interface FetchedBlob extends Blob {
  /** Its digest has been checked. Valid until the next step: the memory is used again. */
  content: Uint8Array;
}

const MAX_ON_THE_WAY = 2;
const MAX_BATCH_BLOBS = 2_000;
const MAX_BATCH_BYTES = fileLimits.partBytes;
/** The text of a tree is read in pieces of this size. */
const TREE_PIECE_BYTES = 64 * 1024;
const MAX_BATCH_ITEMS = 8_000;

/**
 * Goes through items in their order, each with the content of its blob. Blobs are fetched ahead in batches, two at a time,
 * and again if the server was away. A content is valid until the next step.
 */
export async function* withBlobs<Item>(
  server: FileServer,
  items: AsyncIterable<Item> | Iterable<Item>,
  blobOf: (item: Item) => Blob | undefined,
  patience: Patience = {},
): AsyncGenerator<{ item: Item; content: Uint8Array | undefined }, void, void> {
  const cut = new AbortController();
  const signal = patience.signal ? AbortSignal.any([patience.signal, cut.signal]) : cut.signal;
  const fetcher = new BatchFetcher(server, new Outage({ ...patience, signal }), signal);
  const batches = batchesOf(items, blobOf);
  const ahead: { items: Item[]; contents: Promise<Contents> }[] = [];
  try {
    for (let isOver = false; !isOver || ahead.length > 0; ) {
      while (!isOver && ahead.length < MAX_ON_THE_WAY) {
        const next = await batches.next();
        if (next.done) {
          isOver = true;
          break;
        }
        const contents = fetcher.fetch(next.value.blobs);
        contents.catch(() => undefined); // Its turn comes later, when somebody waits for it.
        ahead.push({ items: next.value.items, contents });
      }
      const batch = ahead.shift();
      if (batch === undefined) return;
      const contents = await batch.contents;
      for (const item of batch.items) {
        const blob = blobOf(item);
        yield { item, content: blob && contents.of.get(blob.sha256) };
      }
      fetcher.free(contents);
    }
  } finally {
    cut.abort();
    await batches.return?.(undefined);
  }
}

/** The blobs in the order asked for, their content checked. */
export async function* fetchBlobs(
  server: FileServer,
  blobs: AsyncIterable<Blob> | Iterable<Blob>,
  patience: Patience = {},
): AsyncGenerator<FetchedBlob, void, void> {
  for await (const { item, content } of withBlobs(server, blobs, (blob) => blob, patience)) {
    if (content) yield { ...item, content };
  }
}

/** The entries of a stored tree, as it arrives. Throws TreeError if it cannot be placed; links are judged at the end. */
export async function* readTree(
  server: FileServer,
  tree: StoredTree,
  patience: Patience = {},
): AsyncGenerator<TreeEntry, void, void> {
  const reader = new TreeReader();
  for await (const { content } of fetchBlobs(server, blobsOfStoredTree(tree), patience)) {
    for (let at = 0; at < content.length; at += TREE_PIECE_BYTES) {
      const piece = content.subarray(at, at + TREE_PIECE_BYTES);
      leaveGarbage(piece.length * GARBAGE_OF_TREE);
      yield* reader.push(piece);
    }
  }
  reader.end();
}

interface Batch<Item> {
  items: Item[];
  blobs: Map<string, number>;
}

async function* batchesOf<Item>(
  items: AsyncIterable<Item> | Iterable<Item>,
  blobOf: (item: Item) => Blob | undefined,
): AsyncGenerator<Batch<Item>, void, void> {
  let batch: Batch<Item> = { items: [], blobs: new Map() };
  let bytes = 0;
  for await (const item of items) {
    const blob = blobOf(item);
    const isNew = blob !== undefined && !batch.blobs.has(blob.sha256);
    const isFull =
      batch.items.length >= MAX_BATCH_ITEMS ||
      (isNew && (batch.blobs.size >= MAX_BATCH_BLOBS || bytes + blob.bytes > MAX_BATCH_BYTES));
    if (isFull) {
      yield batch;
      batch = { items: [], blobs: new Map() };
      bytes = 0;
    }
    batch.items.push(item);
    if (blob === undefined || batch.blobs.has(blob.sha256)) continue;
    batch.blobs.set(blob.sha256, blob.bytes);
    bytes += blob.bytes;
  }
  if (batch.items.length > 0) yield batch;
}

interface Contents {
  /** By digest. */
  of: Map<string, Uint8Array>;
  memory: Uint8Array | undefined;
}

class BatchFetcher {
  private readonly freed: Uint8Array[] = [];

  constructor(
    private readonly server: FileServer,
    private readonly outage: Outage,
    private readonly signal: AbortSignal,
  ) {}

  /** The content of each blob, whose sizes are given. */
  async fetch(blobs: ReadonlyMap<string, number>): Promise<Contents> {
    if (blobs.size === 0) return { of: new Map(), memory: undefined };
    const memory = this.freed.pop() ?? Buffer.allocUnsafeSlow(MAX_BATCH_BYTES);
    return { of: await this.outage.trying(() => this.read(blobs, memory)), memory };
  }

  /** The contents are not needed any more. */
  free({ memory }: Contents): void {
    if (memory) this.freed.push(memory);
  }

  private async read(blobs: ReadonlyMap<string, number>, memory: Uint8Array): Promise<Contents["of"]> {
    const contents: Contents["of"] = new Map();
    const reader = new PackReader();
    let used = 0;
    let begin = 0;
    for await (const chunk of this.server.read([...blobs.keys()], this.signal)) {
      leaveGarbage(chunk.length);
      for (const piece of reader.push(chunk)) {
        if (piece.kind === "blob") {
          begin = used;
          if (blobs.get(piece.sha256) !== piece.bytes || contents.has(piece.sha256))
            throw new PackError(`the server sent a blob that was not asked for: ${piece.sha256}`);
        } else if (piece.kind === "content") {
          memory.set(piece.content, used);
          used += piece.content.length;
        } else contents.set(piece.sha256, memory.subarray(begin, used));
      }
    }
    if (contents.size < blobs.size)
      throw new UnreachableError(this.server.url, "the connection broke before all files had arrived");
    return contents;
  }
}
