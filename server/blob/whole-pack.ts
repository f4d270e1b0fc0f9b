import { PackError, PackReader } from "../../shared/files/pack-reader.ts";
import { type BlobStore, MissingObjectError, type StoredObject } from "./blob-store.ts";

/**
 * Reads a whole pack, and hands on its chunks once their content has been checked as far as it is complete. Throws
 * PackError if the content of a blob has not its digest, and MissingObjectError if the pack is missing or too short.
 */
export async function* readWholePack(
  blobs: BlobStore,
  { key, bytes }: StoredObject,
): AsyncGenerator<Uint8Array> {
  const pack = new PackReader();
  for await (const chunk of blobs.read(key, 0, bytes)) {
    for (const _ of pack.push(chunk));
    yield chunk;
  }
  pack.end();
}

/** What is wrong with a pack, for people; undefined if every blob in it has its digest. */
export async function faultOfPack(blobs: BlobStore, object: StoredObject): Promise<string | undefined> {
  try {
    for await (const _ of readWholePack(blobs, object));
    return undefined;
  } catch (error) {
    if (error instanceof PackError || error instanceof MissingObjectError) return error.message;
    throw error;
  }
}

const OBJECTS_PER_LIST = 1_000;

/** Looks up the sizes of objects whose keys grow. Reads the list of the store once. */
export class SizesInOrder {
  private page: StoredObject[] = [];
  private at = 0;
  private isLast = false;
  private before: Promise<unknown> = Promise.resolve();

  constructor(private readonly blobs: BlobStore) {}

  /** Bytes of the object, or undefined if there is none. Each key must come after the one before, also in calls at once. */
  of(key: string): Promise<number | undefined> {
    const answer = this.before.then(() => this.find(key));
    // Its caller gets the error.
    this.before = answer.catch(() => undefined);
    return answer;
  }

  private async find(key: string): Promise<number | undefined> {
    for (;;) {
      const object = this.page[this.at];
      if (object && object.key >= key) return object.key === key ? object.bytes : undefined;
      if (object) this.at++;
      else if (this.isLast) return undefined;
      else await this.turn();
    }
  }

  private async turn(): Promise<void> {
    const after = this.page.at(-1)?.key;
    this.page = await this.blobs.list(after, OBJECTS_PER_LIST);
    this.at = 0;
    this.isLast = this.page.length < OBJECTS_PER_LIST;
  }
}
