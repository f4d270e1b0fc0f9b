import { describe, expect, test } from "bun:test";
import type { ArtifactRecord, ArtifactStore, ScannedArtifact } from "../../server/artifact/artifact-store.ts";
import { newId } from "../../shared/ids.ts";
import { digest } from "./blob-index.contract.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const NOW_MS = Date.parse("2026-01-01T00:00:00Z");

/** What every index of files promises about artifacts. `open` gives an empty one, which is closed after each test. */
export function artifactStoreContract(
  name: string,
  open: () => Promise<{ store: ArtifactStore } & AsyncDisposable>,
) {
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
        { userId: "usr_b" },
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
