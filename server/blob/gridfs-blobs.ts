import {
  type Binary,
  type Collection,
  GridFSBucket,
  type GridFSBucketWriteStream,
  type ObjectId,
} from "mongodb";
import { leaveGarbage } from "../../shared/garbage.ts";
import type { MongoStore } from "../store/mongo.ts";
import {
  type BlobStore,
  checkAge,
  checkRange,
  keyParts,
  MissingObjectError,
  type ObjectWriter,
  REQUEST_MS,
  type StoredObject,
} from "./blob-store.ts";

const BUCKET = "compute_artifacts";
/** One document. A writer holds one in memory; reading a small range costs a whole one. */
const CHUNK_BYTES = 512 * 1024;
/** The driver copies a document about so many times on its way. */
const COPIES = 8;
/** How many documents a reader fetches at a time. */
const CHUNKS_PER_FETCH = 2;
const PLACE = "GridFS";

interface FileDocument {
  /** The key of the object. */
  _id: string;
  length: number;
  /** Bytes of every chunk but the last. */
  chunkSize: number;
}

interface ChunkDocument {
  _id: ObjectId;
  files_id: string;
  n: number;
  data: Binary;
}

/**
 * Objects in the database of a MongoDB store, so that several servers share them. `mongofiles` and `mongodump` know the
 * layout. An object exists once its document in `files` does; its chunks are stored before.
 */
export class GridFsBlobs implements BlobStore {
  readonly place = PLACE;
  private readonly bucket: GridFSBucket;
  private readonly files: Collection<FileDocument>;
  private readonly chunks: Collection<ChunkDocument>;

  constructor(private readonly store: MongoStore) {
    this.bucket = new GridFSBucket(store.db, { bucketName: BUCKET, chunkSizeBytes: CHUNK_BYTES });
    this.files = store.collection(`${BUCKET}.files`);
    this.chunks = store.collection(`${BUCKET}.chunks`);
  }

  async prepare(): Promise<void> {}

  async create(key: string): Promise<ObjectWriter> {
    keyParts(key);
    return new GridFsWriter(this.store, this.bucket, key, () => this.delete([key]));
  }

  async *read(key: string, offset: number, length: number): AsyncGenerator<Uint8Array> {
    keyParts(key);
    checkRange(offset, length);
    const file = await this.store.attempt(() => this.files.findOne({ _id: key }), REQUEST_MS);
    if (!file) throw new MissingObjectError(key, PLACE);
    const end = offset + length;
    if (end > file.length) throw new MissingObjectError(key, PLACE, end);
    // As it was when the object was written.
    const { chunkSize } = file;
    const span = { $gte: Math.floor(offset / chunkSize), $lte: Math.floor((end - 1) / chunkSize) };
    const cursor = this.chunks.find({ files_id: key, n: span }).sort({ n: 1 }).batchSize(CHUNKS_PER_FETCH);
    try {
      for (let n = span.$gte; n <= span.$lte; n++) {
        const chunk = await this.store.attempt(() => cursor.next(), REQUEST_MS);
        const startsAt = n * chunkSize;
        const wanted = chunk?.data.buffer.subarray(Math.max(0, offset - startsAt), end - startsAt);
        const isWhole = chunk?.n === n && chunk.data.length() === Math.min(chunkSize, file.length - startsAt);
        if (!wanted || !isWhole)
          throw new MissingObjectError(key, PLACE, Math.min(end, startsAt + chunkSize));
        leaveGarbage(COPIES * chunkSize);
        yield wanted;
      }
    } finally {
      await cursor.close();
    }
  }

  async delete(keys: readonly string[]): Promise<void> {
    for (const key of keys) keyParts(key);
    await this.store.attempt(async () => {
      await this.files.deleteMany({ _id: { $in: [...keys] } });
      await this.chunks.deleteMany({ files_id: { $in: [...keys] } });
    }, REQUEST_MS);
  }

  async list(afterKey: string | undefined, limit: number): Promise<StoredObject[]> {
    const after = afterKey === undefined ? {} : { _id: { $gt: afterKey } };
    const files = await this.store.attempt(
      () =>
        this.files.find(after).project<FileDocument>({ length: 1 }).sort({ _id: 1 }).limit(limit).toArray(),
      REQUEST_MS,
    );
    return files.map(({ _id, length }) => ({ key: _id, bytes: length }));
  }

  async sweep(olderThanMs: number): Promise<void> {
    const oldest = (await this.store.clock.look().then(() => this.store.clock.now())) - olderThanMs;
    const unfinished = await this.store.attempt(
      () =>
        this.chunks
          .aggregate<{ _id: string }>([
            // The index answers this without reading any chunk.
            { $sort: { files_id: 1, n: 1 } },
            { $group: { _id: "$files_id" } },
            { $lookup: { from: `${BUCKET}.files`, localField: "_id", foreignField: "_id", as: "file" } },
            { $match: { "file.0": { $exists: false } } },
          ])
          .toArray(),
      REQUEST_MS,
    );
    for (const { _id: key } of unfinished) {
      const last = await this.store.attempt(
        () => this.chunks.findOne({ files_id: key }, { sort: { n: -1 }, projection: { _id: 1 } }),
        REQUEST_MS,
      );
      const isOld = last !== null && last._id.getTimestamp().getTime() <= oldest;
      // Looks again: its writer may have finished in between.
      if (isOld && !(await this.store.attempt(() => this.files.findOne({ _id: key }))))
        await this.delete([key]);
    }
  }

  /** The store is closed by its owner. */
  async close(): Promise<void> {}
}

class GridFsWriter implements ObjectWriter {
  private readonly begunAtMs = performance.now();
  private readonly stream: GridFSBucketWriteStream;
  private failure: Error | undefined;

  constructor(
    private readonly store: MongoStore,
    bucket: GridFSBucket,
    key: string,
    private readonly remove: () => Promise<void>,
  ) {
    // The driver takes ids of any type, but its types know only its own.
    this.stream = bucket.openUploadStreamWithId(key as unknown as ObjectId, key);
    this.stream.on("error", (error) => {
      this.failure ??= error;
    });
  }

  write(chunk: Uint8Array): Promise<void> {
    leaveGarbage(COPIES * chunk.length);
    return this.ask((done) => void this.stream.write(chunk, done));
  }

  async finish(): Promise<void> {
    try {
      checkAge(this.begunAtMs, PLACE);
      await this.ask((done) => void this.stream.end(done));
    } catch (error) {
      await this.abort();
      throw error;
    }
  }

  async abort(): Promise<void> {
    this.stream.destroy();
    // If the store refuses, `sweep` tries again.
    await this.remove().catch(() => undefined);
  }

  /** One request to the stream, which answers through a callback. */
  private ask(body: (done: (error?: Error | null) => void) => void): Promise<void> {
    return this.store.attempt(() => {
      const answer = Promise.withResolvers<void>();
      if (this.failure) answer.reject(this.failure);
      else body((error) => (error ? answer.reject(error) : answer.resolve()));
      return answer.promise;
    }, REQUEST_MS);
  }
}
