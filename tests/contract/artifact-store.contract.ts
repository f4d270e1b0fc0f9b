import { describe, expect, test } from "bun:test";
import {
  type ArtifactRecord,
  type ArtifactStore,
  type BlobPlace,
  packKey,
  type ScannedArtifact,
  TOUCH_EVERY_MS,
} from "../../server/artifact/artifact-store.ts";
import { newId } from "../../shared/ids.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.parse("2026-01-01T00:00:00Z");

/** What every index of files promises. `open` gives an empty one, which is closed after each test. */
export function artifactStoreContract(
  name: string,
  open: () => Promise<{ store: ArtifactStore } & AsyncDisposable>,
) {
  describe(`${name} keeps the index of blobs`, () => {
    test("blobs of a finished pack are found where they are, by their business only", async () => {
      await using opened = await open();
      const { store } = opened;
      const [a = blob(), b = blob(), c = blob()] = await packed(store, 3);
      const asked = [c, a, b].map((one) => one.sha256);
      const stranger = digest();
      expect(await store.touchBlobs("biz_a", [stranger, ...asked], NOW_MS)).toEqual([stranger]);
      expect(bySha(await store.findBlobs("biz_a", [...asked, stranger]))).toEqual(bySha([a, b, c]));
      expect(await store.touchBlobs("biz_b", asked, NOW_MS)).toEqual(asked);
      expect(await store.findBlobs("biz_b", asked)).toEqual([]);
      expect([await store.usedBytes("biz_a"), await store.usedBytes("biz_b")]).toEqual([300, 0]);
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

    test("only blobs touched too long ago are removed, and their pack is empty when the last one is", async () => {
      await using opened = await open();
      const { store } = opened;
      const blobs = await packed(store, 3);
      const [a = "", b = "", c = ""] = blobs.map((one) => one.sha256);
      await store.touchBlobs("biz_a", [b], NOW_MS + DAY_MS);
      const old = (await store.scanBlobs(undefined, NOW_MS + 1, 10)).map((one) => one.sha256);
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
      const touchedBefore = async (atMs: number) => (await store.scanBlobs(undefined, atMs, 10)).length === 1;
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
      const seen: { businessId: string; sha256: string }[] = [];
      for (let after: (typeof seen)[number] | undefined; ; ) {
        const page = await store.scanBlobs(after, NOW_MS + 1, 2);
        seen.push(...page);
        after = page.at(-1);
        if (page.length < 2) break;
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
      const [missing, deleted] = await Promise.all([
        Promise.all(touches.map((some) => store.touchBlobs("biz_a", some, NOW_MS + DAY_MS))),
        store.deleteBlobs("biz_a", digests, NOW_MS + 1),
      ]);
      expect(missing.flat()).toHaveLength(deleted);
      expect(await store.usedBytes("biz_a")).toBe((200 - deleted) * 100);
      expect(await store.deleteBlobs("biz_a", digests, NOW_MS + 1)).toBe(0);
    });
  });

  describe(`${name} keeps artifacts`, () => {
    test("an artifact comes back unchanged, to its business only; a draft to nobody but the collector", async () => {
      await using opened = await open();
      const { store } = opened;
      const artifact = recordOf({
        jobId: newId("job"),
        executionId: newId("exe"),
        attempt: 2,
        kind: "output",
      });
      const { artifactId, businessId, tree } = artifact;
      await store.begin({ artifactId, businessId, tree, expiresAtMs: NOW_MS + HOUR_MS });
      expect(await store.find("biz_a", [artifactId])).toEqual([]);
      expect(await store.list({ businessId, limit: 10 })).toEqual([]);
      expect(await store.hold("biz_a", [artifactId], NOW_MS)).toEqual([]);
      expect(await store.reuse(artifact, NOW_MS)).toBeUndefined();
      const draft: ScannedArtifact = {
        artifactId,
        businessId,
        kind: "upload",
        tree,
        jobId: undefined,
        isDraft: true,
        expiresAtMs: NOW_MS + HOUR_MS,
        heldUntilMs: undefined,
      };
      expect(await store.scanArtifacts(undefined, 10)).toEqual([draft]);
      expect(await store.insert(artifact)).toBe(true);
      expect(await store.insert(artifact)).toBe(true);
      expect(await store.find("biz_a", [artifactId])).toEqual([artifact]);
      expect(await store.find("biz_b", [artifactId])).toEqual([]);
      expect(await store.list({ businessId: "biz_b", limit: 10 })).toEqual([]);
      expect(await store.list({ businessId: "biz_b", jobId: artifact.jobId, limit: 10 })).toEqual([]);
      // The collector read the draft before it became an artifact.
      expect(await store.expire(draft)).toBe(false);
    });

    test("a draft that is gone becomes no artifact", async () => {
      await using opened = await open();
      const { store } = opened;
      const artifact = recordOf();
      const { artifactId, businessId, tree } = artifact;
      await store.begin({ artifactId, businessId, tree, expiresAtMs: NOW_MS });
      const [draft] = await store.scanArtifacts(undefined, 10);
      expect(await store.expire(draft as ScannedArtifact)).toBe(true);
      expect(await store.insert(artifact)).toBe(false);
      await store.begin({ artifactId, businessId, tree, expiresAtMs: NOW_MS });
      expect(await store.delete("biz_b", [artifactId])).toEqual([]);
      expect(await store.delete("biz_a", [artifactId, artifactId, newId("art")])).toEqual([artifactId]);
      expect(await store.insert(artifact)).toBe(false);
    });

    test("a list is newest first, and can be narrowed to a job and a kind", async () => {
      await using opened = await open();
      const { store } = opened;
      const jobId = newId("job");
      const [a, b, c, d] = [
        await created(store),
        await created(store, { kind: "output", jobId, attempt: 1 }),
        await created(store, { kind: "attached", jobId }),
        await created(store, { kind: "output", jobId: newId("job") }),
      ];
      await created(store, { businessId: "biz_b" });
      const ids = async (where: object) =>
        (await store.list({ businessId: "biz_a", limit: 10, ...where })).map((one) => one.artifactId);
      expect(await ids({})).toEqual([d, c, b, a].map((one) => one.artifactId));
      expect(await ids({ jobId })).toEqual([c, b].map((one) => one.artifactId));
      expect(await ids({ jobId, kind: "output" })).toEqual([b.artifactId]);
      expect(await ids({ kind: "output", limit: 1 })).toEqual([d.artifactId]);
      expect(await ids({ kind: "output", beforeId: d.artifactId })).toEqual([b.artifactId]);
    });

    test("an equal artifact is used again and lives longer, never shorter", async () => {
      await using opened = await open();
      const { store } = opened;
      const one = await created(store, { expiresAtMs: NOW_MS + DAY_MS });
      const reusedUntil = async (untilMs: number | undefined, change: Partial<ArtifactRecord> = {}) =>
        (await store.reuse({ ...one, ...change }, untilMs))?.expiresAtMs;
      expect(await reusedUntil(NOW_MS + 2 * DAY_MS)).toBe(NOW_MS + 2 * DAY_MS);
      expect(await reusedUntil(NOW_MS)).toBe(NOW_MS + 2 * DAY_MS);
      const others: Partial<ArtifactRecord>[] = [
        { name: "other" },
        { kind: "input" },
        { type: "file" },
        { businessId: "biz_b" },
        { tree: treeOf() },
      ];
      for (const other of others) expect(await store.reuse({ ...one, ...other }, undefined)).toBeUndefined();
      expect(await store.reuse(one, undefined)).toEqual({ ...one, expiresAtMs: undefined });
      expect(await reusedUntil(NOW_MS + 3 * DAY_MS)).toBeUndefined();
    });

    test("the collector removes only what it has read, however it was kept meanwhile", async () => {
      await using opened = await open();
      const { store } = opened;
      const keep: ((one: ArtifactRecord) => Promise<unknown>)[] = [
        (one) => store.hold("biz_a", [one.artifactId], NOW_MS + DAY_MS),
        (one) => store.reuse(one, NOW_MS + DAY_MS),
        (one) => store.reuse(one, undefined),
        (one) => store.keep(one, NOW_MS + DAY_MS),
      ];
      for (const extend of keep) {
        const one = await created(store);
        const scanned = await scan(store, one);
        await extend(one);
        expect(await store.expire(scanned)).toBe(false);
        const again = await scan(store, one);
        expect(await store.expire(again)).toBe(true);
        expect(await store.expire(again)).toBe(false);
        expect(await store.hold("biz_a", [one.artifactId], NOW_MS)).toEqual([]);
      }
    });

    test("of a hold and the collector one is faster: what was held is there", async () => {
      await using opened = await open();
      const { store } = opened;
      for (let round = 0; round < 20; round++) {
        const one = await created(store);
        const scanned = await scan(store, one);
        const hold = () => store.hold("biz_a", [one.artifactId], NOW_MS + DAY_MS);
        const both = round % 2 ? [hold(), store.expire(scanned)] : [store.expire(scanned), hold()];
        const outcome = await Promise.all(both);
        const held = outcome.find(Array.isArray)?.length === 1;
        expect(outcome.includes(true)).toBe(!held);
        expect(await store.find("biz_a", [one.artifactId])).toHaveLength(held ? 1 : 0);
      }
    });

    test("a later hold wins over an earlier, and neither shows", async () => {
      await using opened = await open();
      const { store } = opened;
      const one = await created(store);
      const ids = [one.artifactId, newId("art")];
      expect(await store.hold("biz_a", ids, NOW_MS + DAY_MS)).toEqual([one]);
      expect(await store.hold("biz_a", ids, NOW_MS)).toEqual([one]);
      expect(await store.hold("biz_b", ids, NOW_MS + 2 * DAY_MS)).toEqual([]);
      expect(await store.find("biz_a", ids)).toEqual([one]);
      expect((await scan(store, one)).heldUntilMs).toBe(NOW_MS + DAY_MS);
    });

    test("the artifacts of deleted jobs expire at once, and those of other jobs do not", async () => {
      await using opened = await open();
      const { store } = opened;
      const jobId = newId("job");
      const expiries = [undefined, NOW_MS + DAY_MS, NOW_MS - 1];
      for (const expiresAtMs of expiries) await created(store, { kind: "output", jobId, expiresAtMs });
      const other = await created(store);
      await store.expireOfJobs("biz_b", [jobId], NOW_MS);
      await store.expireOfJobs("biz_a", [jobId, newId("job")], NOW_MS);
      const found = await store.list({ businessId: "biz_a", jobId, limit: 10 });
      expect(found.map((one) => one.expiresAtMs)).toEqual([NOW_MS - 1, NOW_MS, NOW_MS]);
      expect(await store.find("biz_a", [other.artifactId])).toEqual([other]);
    });

    test("the collector sees every artifact and draft of every business once", async () => {
      await using opened = await open();
      const { store } = opened;
      const made = [
        await created(store),
        await created(store, { businessId: "biz_b" }),
        await created(store),
      ];
      const draft = recordOf();
      await store.begin({ ...draft, expiresAtMs: NOW_MS });
      const seen: string[] = [];
      for (let after: string | undefined; ; after = seen.at(-1)) {
        const page = await store.scanArtifacts(after, 3);
        seen.push(...page.map((one) => one.artifactId));
        if (page.length < 3) break;
      }
      expect(seen).toEqual([...made, draft].map((one) => one.artifactId));
    });
  });
}

function digest(): string {
  return Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
}

function blob(): BlobPlace {
  return { sha256: digest(), bytes: 100, packId: newId("pack"), offset: 40 };
}

function bySha(places: BlobPlace[]): BlobPlace[] {
  return places.toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
}

/** A finished pack with this many new blobs of 100 bytes, begun and touched at NOW_MS. */
async function packed(store: ArtifactStore, count: number, businessId = "biz_a"): Promise<BlobPlace[]> {
  const packId = newId("pack");
  await store.beginPack(businessId, packId, NOW_MS);
  const blobs = Array.from({ length: count }, (_, i) => ({ ...blob(), packId, offset: 40 + i * 140 }));
  expect(await store.finishPack(businessId, packId, blobs, NOW_MS)).toBe(true);
  return blobs;
}

function treeOf() {
  return { sha256: digest(), size: 5_000_000, parts: [digest(), digest()] };
}

function recordOf(change: Partial<ArtifactRecord> = {}): ArtifactRecord {
  return {
    artifactId: newId("art"),
    businessId: "biz_a",
    userId: "usr_a",
    kind: "upload",
    name: "src",
    type: "directory",
    tree: treeOf(),
    files: 3,
    bytes: 300,
    jobId: undefined,
    executionId: undefined,
    attempt: undefined,
    createdAtMs: NOW_MS,
    expiresAtMs: NOW_MS + HOUR_MS,
    ...change,
  };
}

async function created(store: ArtifactStore, change: Partial<ArtifactRecord> = {}): Promise<ArtifactRecord> {
  const artifact = recordOf(change);
  const { artifactId, businessId, tree } = artifact;
  await store.begin({ artifactId, businessId, tree, expiresAtMs: NOW_MS });
  expect(await store.insert(artifact)).toBe(true);
  return artifact;
}

async function scan(store: ArtifactStore, { artifactId }: ArtifactRecord): Promise<ScannedArtifact> {
  const found = (await store.scanArtifacts(undefined, 1_000)).find((one) => one.artifactId === artifactId);
  return found ?? expect.unreachable(`${artifactId} is not there`);
}
