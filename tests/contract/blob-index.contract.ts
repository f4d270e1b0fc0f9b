import { describe, expect, test } from "bun:test";
import {
  type ArtifactStore,
  type BlobKey,
  type BlobPlace,
  packKey,
  TOUCH_EVERY_MS,
} from "../../server/artifact/artifact-store.ts";
import { newId } from "../../shared/ids.ts";

const DAY_MS = 24 * 3_600_000;
const NOW_MS = Date.parse("2026-01-01T00:00:00Z");

/** What every index of files promises about blobs and packs. `open` gives an empty one, which is closed after each test. */
export function blobIndexContract(
  name: string,
  open: () => Promise<{ store: ArtifactStore } & AsyncDisposable>,
) {
  describe(`${name} keeps the index of blobs`, () => {
    test("blobs of a finished pack are found where they are, by their business only", async () => {
      await using opened = await open();
      const { store } = opened;
      const [a = blob(), b = blob(), c = blob()] = await packed(store, 3, "biz_a", [100, 101, 102]);
      const asked = [c, a, b].map((one) => one.sha256);
      const stranger = digest();
      expect(await store.touchBlobs("biz_a", [stranger, ...asked], NOW_MS)).toEqual([
        undefined,
        102,
        100,
        101,
      ]);
      expect(bySha(await store.findBlobs("biz_a", [...asked, stranger]))).toEqual(bySha([a, b, c]));
      expect(await store.touchBlobs("biz_b", asked, NOW_MS)).toEqual([undefined, undefined, undefined]);
      expect(await store.findBlobs("biz_b", asked)).toEqual([]);
      expect([await store.usedBytes("biz_a"), await store.usedBytes("biz_b")]).toEqual([303, 0]);
    });

    test("a blob that comes again keeps its place, and counts once", async () => {
      await using opened = await open();
      const { store } = opened;
      const [first = blob()] = await packed(store, 1);
      const again = { ...first, packId: newId("pack"), offset: 777 };
      const fresh = { ...blob(), packId: again.packId };
      await store.beginPack("biz_a", again.packId, NOW_MS);
      expect(await store.finishPack("biz_a", again.packId, [again, fresh, fresh], NOW_MS)).toBe(true);
      expect(await store.finishPack("biz_a", again.packId, [again, fresh], NOW_MS)).toBe(true);
      expect(bySha(await store.findBlobs("biz_a", [first.sha256, fresh.sha256]))).toEqual(
        bySha([first, fresh]),
      );
      expect(await store.usedBytes("biz_a")).toBe(200);
      expect((await store.scanPacks(undefined, 10)).map(({ blobs, bytes }) => ({ blobs, bytes }))).toEqual([
        { blobs: 1, bytes: 100 },
        { blobs: 1, bytes: 100 },
      ]);
    });

    test("a pack that is finished again much later counts once, and its blobs are touched", async () => {
      await using opened = await open();
      const { store } = opened;
      const [one = blob(), other = blob()] = await packed(store, 2);
      expect(await store.finishPack("biz_a", one.packId, [one, other], NOW_MS + DAY_MS)).toBe(true);
      expect(await store.usedBytes("biz_a")).toBe(200);
      expect(await store.deleteBlobs("biz_a", [one.sha256, other.sha256], NOW_MS + DAY_MS)).toBe(0);
      const packId = newId("pack");
      await store.beginPack("biz_a", packId, NOW_MS);
      expect(await store.finishPack("biz_a", packId, [{ ...one, packId }], NOW_MS + 2 * DAY_MS)).toBe(true);
      expect((await store.scanBlobs(undefined, NOW_MS + 2 * DAY_MS, 10)).old).toHaveLength(1);
      expect(bySha(await store.findBlobs("biz_a", [one.sha256, other.sha256]))).toEqual(bySha([one, other]));
      expect(await store.usedBytes("biz_a")).toBe(200);
    });

    test("only blobs touched too long ago are removed, and their pack is empty when the last one is", async () => {
      await using opened = await open();
      const { store } = opened;
      const blobs = await packed(store, 3);
      const [a = "", b = "", c = ""] = blobs.map((one) => one.sha256);
      await store.touchBlobs("biz_a", [b], NOW_MS + DAY_MS);
      const old = (await store.scanBlobs(undefined, NOW_MS + 1, 10)).old.map((one) => one.sha256);
      expect(old).toEqual([a, c].sort());
      expect(await store.deleteBlobs("biz_b", [a, b, c], NOW_MS + 1)).toBe(0);
      expect(await store.deleteBlobs("biz_a", [a, b, c], NOW_MS + 1)).toBe(2);
      expect(await store.deleteBlobs("biz_a", [a, b, c], NOW_MS + 1)).toBe(0);
      expect(await store.usedBytes("biz_a")).toBe(100);
      expect(await store.takeEmptyPacks(NOW_MS + DAY_MS, 10)).toEqual([]);
      expect(await store.deleteBlobs("biz_a", [b], NOW_MS + DAY_MS + 1)).toBe(1);
      const key = packKey("biz_a", blobs[0]?.packId ?? "");
      expect(await store.takeEmptyPacks(NOW_MS, 10)).toEqual([]);
      expect(await store.takeEmptyPacks(NOW_MS + 1, 10)).toEqual([key]);
      // A server that dies before it has deleted the object leaves the pack to the next.
      expect(await store.takeEmptyPacks(NOW_MS + 1, 10)).toEqual([key]);
      expect(await store.unknownPacks([key, "biz_a/other"])).toEqual(["biz_a/other"]);
      await store.forgetPacks([key]);
      expect(await store.unknownPacks([key])).toEqual([key]);
      expect(await store.takeEmptyPacks(NOW_MS + 1, 10)).toEqual([]);
    });

    test("a blob in use is written once an hour, and a time that lies back changes nothing", async () => {
      await using opened = await open();
      const { store } = opened;
      const [one = blob()] = await packed(store, 1);
      const touchedBefore = async (atMs: number) =>
        (await store.scanBlobs(undefined, atMs, 10)).old.length > 0;
      await store.touchBlobs("biz_a", [one.sha256], NOW_MS + TOUCH_EVERY_MS - 1);
      expect(await touchedBefore(NOW_MS + 1)).toBe(true);
      await store.touchBlobs("biz_a", [one.sha256], NOW_MS + TOUCH_EVERY_MS);
      expect(await touchedBefore(NOW_MS + TOUCH_EVERY_MS)).toBe(false);
      await store.touchBlobs("biz_a", [one.sha256], NOW_MS);
      expect(await touchedBefore(NOW_MS + TOUCH_EVERY_MS)).toBe(false);
    });

    test("old blobs are listed page by page, business by business, each once", async () => {
      await using opened = await open();
      const { store } = opened;
      const all = [...(await packed(store, 5)), ...(await packed(store, 4, "biz_b"))];
      const seen: BlobKey[] = [];
      for (let after: BlobKey | undefined; ; ) {
        const { old, next } = await store.scanBlobs(after, NOW_MS + 1, 2);
        seen.push(...old);
        if (!next) break;
        after = next;
      }
      expect(seen.map((one) => one.sha256).sort()).toEqual(all.map((one) => one.sha256).sort());
      expect(seen.map((one) => one.businessId)).toEqual([
        ...Array(5).fill("biz_a"),
        ...Array(4).fill("biz_b"),
      ]);
    });

    test("of taking and finishing a pack, only the faster has an effect", async () => {
      await using opened = await open();
      const { store } = opened;
      for (let round = 0; round < 20; round++) {
        const packId = newId("pack");
        await store.beginPack("biz_a", packId, NOW_MS);
        const blobs = Array.from({ length: 5 }, () => ({ ...blob(), packId }));
        const finish = () => store.finishPack("biz_a", packId, blobs, NOW_MS);
        const take = () => store.takeEmptyPacks(NOW_MS + 1, 10);
        const both = round % 2 ? [finish(), take()] : [take(), finish()];
        const [one, other] = await Promise.all(both);
        const taken = [one, other].find(Array.isArray);
        expect(taken?.includes(packKey("biz_a", packId))).toBe([one, other].includes(false));
        const digests = blobs.map(({ sha256 }) => sha256);
        const found = await store.findBlobs("biz_a", digests);
        expect(found).toHaveLength([one, other].includes(false) ? 0 : 5);
      }
    });

    test("of many packs with the same blobs at once, each blob is in one, and the counts are right", async () => {
      await using opened = await open();
      const { store } = opened;
      const digests = Array.from({ length: 40 }, digest);
      const packs = Array.from({ length: 12 }, () => newId("pack"));
      await Promise.all(packs.map((packId) => store.beginPack("biz_a", packId, NOW_MS)));
      const finished = await Promise.all(
        packs.map((packId, i) => {
          const blobs = digests.map((sha256) => ({ sha256, packId, bytes: 100, offset: 0 }));
          return store.finishPack("biz_a", packId, i % 2 ? blobs : blobs.toReversed(), NOW_MS);
        }),
      );
      expect(finished).toEqual(packs.map(() => true));
      const found = await store.findBlobs("biz_a", digests);
      expect(found).toHaveLength(40);
      expect(await store.usedBytes("biz_a")).toBe(4_000);
      const counted = await store.scanPacks(undefined, 100);
      for (const { key, blobs } of counted) {
        expect(blobs).toBe(found.filter(({ packId }) => packKey("biz_a", packId) === key).length);
      }
      const emptied = counted.filter(({ blobs }) => blobs === 0).map(({ key }) => key);
      expect((await store.takeEmptyPacks(NOW_MS + 1, 100)).sort()).toEqual(emptied.sort());
    });

    test("a blob is either touched or removed, never both", async () => {
      await using opened = await open();
      const { store } = opened;
      const digests = (await packed(store, 200)).map((one) => one.sha256);
      const touches = Array.from({ length: 10 }, (_, i) => digests.slice(i * 20, i * 20 + 20));
      const [sizes, deleted] = await Promise.all([
        Promise.all(touches.map((some) => store.touchBlobs("biz_a", some, NOW_MS + DAY_MS))),
        store.deleteBlobs("biz_a", digests, NOW_MS + 1),
      ]);
      expect(sizes.flat().filter((bytes) => bytes === undefined)).toHaveLength(deleted);
      expect(await store.usedBytes("biz_a")).toBe((200 - deleted) * 100);
      expect(await store.deleteBlobs("biz_a", digests, NOW_MS + 1)).toBe(0);
    });
  });
}

export function digest(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
}

function blob(): BlobPlace {
  return { sha256: digest(), bytes: 100, packId: newId("pack"), offset: 40 };
}

function bySha(places: BlobPlace[]): BlobPlace[] {
  return places.toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
}

/** A finished pack with this many new blobs of 100 bytes or as given, begun and touched at NOW_MS. */
async function packed(
  store: ArtifactStore,
  count: number,
  businessId = "biz_a",
  sizes: readonly number[] = [],
): Promise<BlobPlace[]> {
  const packId = newId("pack");
  await store.beginPack(businessId, packId, NOW_MS);
  const blobs = Array.from({ length: count }, (_, i) => ({
    ...blob(),
    packId,
    bytes: sizes[i] ?? 100,
    offset: 40 + i * 240,
  }));
  expect(await store.finishPack(businessId, packId, blobs, NOW_MS)).toBe(true);
  return blobs;
}
