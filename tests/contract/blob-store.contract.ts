import { describe, expect, test } from "bun:test";
import { type BlobStore, MissingObjectError } from "../../server/blob/blob-store.ts";
import { newId } from "../../shared/ids.ts";

export interface OpenedBlobs extends AsyncDisposable {
  blobs: BlobStore;
  /** Other servers' access to the same objects. */
  other: BlobStore;
  /** Everything in the store, also what no reader can see: files, documents, unfinished uploads. */
  countAll: () => Promise<number>;
}

const MIB = 1024 * 1024;
const BUSINESS = "biz_01m8k1bg4depbsf22sf4s1hm5w";

/** What every store of objects promises. */
export function blobStoreContract(name: string, open: () => Promise<OpenedBlobs>): void {
  describe(`objects in ${name}`, () => {
    test("an object comes back byte for byte, whole and in any range, also at another server", async () => {
      await using opened = await open();
      const key = newKey();
      const bytes = noise(3 * MIB + 17);
      await put(opened.blobs, key, bytes);
      for (const blobs of [opened.blobs, opened.other]) {
        expect(await sameBytes(blobs, key, bytes, 0, bytes.length)).toBe(true);
        for (const at of [0, 1, 4_095, MIB - 1, MIB, 2 * MIB + 5, bytes.length - 1]) {
          for (const length of [1, 2, 4_096, MIB, MIB + 1]) {
            const fitting = Math.min(length, bytes.length - at);
            expect([at, fitting, await sameBytes(blobs, key, bytes, at, fitting)]).toEqual([
              at,
              fitting,
              true,
            ]);
          }
        }
      }
    });

    test("nobody can read an object before it is finished", async () => {
      await using opened = await open();
      const key = newKey();
      const writer = await opened.blobs.create(key);
      await writer.write(noise(2 * MIB));
      for (const blobs of [opened.blobs, opened.other]) {
        await expect(read(blobs, key, 0, 1)).rejects.toThrow(MissingObjectError);
        expect(await blobs.list(undefined, 10)).toEqual([]);
      }
      await writer.finish();
      expect(await opened.other.list(undefined, 10)).toEqual([{ key, bytes: 2 * MIB }]);
    });

    test("an aborted writer leaves nothing behind", async () => {
      await using opened = await open();
      const before = await opened.countAll();
      const writer = await opened.blobs.create(newKey());
      await writer.write(noise(5 * MIB));
      await writer.abort();
      const unused = await opened.blobs.create(newKey());
      await unused.abort();
      expect(await opened.countAll()).toBe(before);
    });

    test("a writer that stops in the middle leaves nothing to read, and a sweep removes the rest", async () => {
      await using opened = await open();
      const before = await opened.countAll();
      const [kept, key] = [newKey(), newKey()];
      await put(opened.blobs, kept, noise(MIB));
      const withOne = await opened.countAll();
      const writer = await opened.blobs.create(key);
      await writer.write(noise(4 * MIB));
      await expect(read(opened.other, key, 0, 1)).rejects.toThrow(MissingObjectError);
      await opened.other.sweep(3_600_000);
      await opened.other.sweep(-5_000);
      expect(await opened.countAll()).toBe(withOne);
      expect(await opened.other.list(undefined, 10)).toEqual([{ key: kept, bytes: MIB }]);
      await opened.blobs.delete([kept]);
      expect(await opened.countAll()).toBe(before);
      // Frees what it holds in this process.
      await writer.abort();
    });

    test("a sweep leaves a writer alone that began lately", async () => {
      await using opened = await open();
      const key = newKey();
      const bytes = noise(3 * MIB);
      const writer = await opened.blobs.create(key);
      await writer.write(bytes.subarray(0, 2 * MIB));
      await opened.other.sweep(60_000);
      await writer.write(bytes.subarray(2 * MIB));
      await writer.finish();
      expect(await sameBytes(opened.other, key, bytes, 0, bytes.length)).toBe(true);
    });

    test("the caller may reuse the memory of a chunk once it is written", async () => {
      await using opened = await open();
      const key = newKey();
      const writer = await opened.blobs.create(key);
      const chunk = new Uint8Array(300_000);
      for (let i = 1; i <= 8; i++) await writer.write(chunk.fill(i));
      await writer.finish();
      for (let i = 1; i <= 8; i++) {
        const part = await read(opened.blobs, key, (i - 1) * chunk.length, chunk.length);
        expect(part.every((byte) => byte === i)).toBe(true);
      }
    });

    test("writers and readers at the same time do not disturb each other", async () => {
      await using opened = await open();
      const objects = Array.from({ length: 12 }, (_, i) => ({
        key: newKey(),
        bytes: noise(MIB + i * 70_000),
      }));
      await Promise.all(
        objects.map(({ key, bytes }, i) => put(i % 2 === 0 ? opened.blobs : opened.other, key, bytes)),
      );
      const right = await Promise.all(
        objects.map(({ key, bytes }) => sameBytes(opened.other, key, bytes, 0, bytes.length)),
      );
      expect(right).toEqual(objects.map(() => true));
    });

    test("a range that the object does not have is an error, and so is an object that does not exist", async () => {
      await using opened = await open();
      const key = newKey();
      await put(opened.blobs, key, noise(1_000));
      expect(await read(opened.blobs, key, 999, 1)).toHaveLength(1);
      for (const [offset, length] of [
        [999, 2],
        [1_000, 1],
        [5_000, 100],
      ] as const) {
        await expect(read(opened.blobs, key, offset, length)).rejects.toThrow(
          `ends before byte ${offset + length}`,
        );
      }
      await expect(read(opened.blobs, newKey(), 0, 1)).rejects.toThrow("is missing from");
      for (const [offset, length] of [
        [-1, 5],
        [0, 0],
        [0, -1],
        [0.5, 1],
        [0, Number.NaN],
      ] as const) {
        await expect(read(opened.blobs, key, offset, length)).rejects.toThrow(RangeError);
      }
    });

    test("a reader may stop early, and many stopped readers cost nothing", async () => {
      await using opened = await open();
      const key = newKey();
      const bytes = noise(4 * MIB);
      await put(opened.blobs, key, bytes);
      for (let i = 0; i < 40; i++) {
        for await (const chunk of opened.blobs.read(key, 0, bytes.length)) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
      }
      expect(await sameBytes(opened.blobs, key, bytes, 0, bytes.length)).toBe(true);
    });

    test("deleted objects are gone at once; an object that does not exist counts as deleted", async () => {
      await using opened = await open();
      const keys = Array.from({ length: 5 }, () => newKey());
      for (const key of keys) await put(opened.blobs, key, noise(100));
      await opened.other.delete([...keys.slice(0, 3), newKey()]);
      await opened.other.delete(keys.slice(0, 1));
      await opened.other.delete([]);
      expect((await opened.blobs.list(undefined, 10)).map(({ key }) => key)).toEqual(keys.slice(3));
      await expect(read(opened.blobs, keys[0] ?? "", 0, 1)).rejects.toThrow(MissingObjectError);
    });

    test("deleting and writing at the same time loses no object", async () => {
      await using opened = await open();
      const old = Array.from({ length: 20 }, () => newKey());
      for (const key of old) await put(opened.blobs, key, noise(10));
      const fresh = Array.from({ length: 20 }, () => newKey());
      await Promise.all([
        ...old.map((key) => opened.other.delete([key])),
        ...fresh.map((key) => put(opened.blobs, key, noise(10))),
      ]);
      expect((await opened.other.list(undefined, 100)).map(({ key }) => key)).toEqual([...fresh].sort());
    });

    test("the list is in the order of the keys, page by page, over all businesses", async () => {
      await using opened = await open();
      const businesses = [newId("biz"), newId("biz"), newId("biz")];
      const keys = Array.from({ length: 23 }, (_, i) => newKey(businesses[i % 3]));
      for (const key of keys) await put(opened.blobs, key, noise(50));
      const found: string[] = [];
      for (;;) {
        const page = await opened.blobs.list(found.at(-1), 7);
        expect(page.every(({ bytes }) => bytes === 50)).toBe(true);
        found.push(...page.map(({ key }) => key));
        if (page.length < 7) break;
      }
      expect(found).toEqual([...keys].sort());
    });

    test("a key that is no key reaches nothing", async () => {
      await using opened = await open();
      for (const key of ["../etc/passwd", "a/../b", "a", "a/b/c", "/a/b", "a/.b", "", "a/b\n"]) {
        await expect(opened.blobs.create(key)).rejects.toThrow(TypeError);
        await expect(read(opened.blobs, key, 0, 1)).rejects.toThrow(TypeError);
        await expect(opened.blobs.delete([key])).rejects.toThrow(TypeError);
      }
    });
  });
}

function newKey(businessId = BUSINESS): string {
  return `${businessId}/${newId("pack")}`;
}

/** Writes the object in chunks of odd sizes. */
async function put(blobs: BlobStore, key: string, bytes: Uint8Array): Promise<void> {
  const writer = await blobs.create(key);
  for (let at = 0; at < bytes.length; at += 250_007) await writer.write(bytes.subarray(at, at + 250_007));
  await writer.finish();
}

async function read(blobs: BlobStore, key: string, offset: number, length: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of blobs.read(key, offset, length)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

async function sameBytes(
  blobs: BlobStore,
  key: string,
  bytes: Uint8Array,
  offset: number,
  length: number,
): Promise<boolean> {
  const found = await read(blobs, key, offset, length);
  return Buffer.compare(found, bytes.subarray(offset, offset + length)) === 0;
}

function noise(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  return bytes;
}
