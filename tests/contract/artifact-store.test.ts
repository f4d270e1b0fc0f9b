import { expect, test } from "bun:test";
import { artifactMigrations } from "../../server/artifact/artifact-migrations.sqlite.ts";
import { SqliteArtifactStore } from "../../server/artifact/artifact-store.sqlite.ts";
import { SqliteStore } from "../../server/store/sqlite.ts";
import { makeScratch } from "../support/scratch.ts";
import { artifactStoreContract } from "./artifact-store.contract.ts";
import { blobIndexContract } from "./blob-index.contract.ts";

blobIndexContract("SQLite", open);
artifactStoreContract("SQLite", open);

test("packs and blobs of an older release are where they were", async () => {
  await using scratch = await makeScratch();
  const file = scratch.join("store.db");
  const [first, second] = ["a", "b"].map((digit) => digit.repeat(64)) as [string, string];
  const older = new SqliteStore(
    file,
    artifactMigrations.filter(({ id }) => id !== "artifact-3"),
  );
  for (const businessId of ["biz_1", "biz_2"]) {
    older.run("INSERT INTO compute_packs VALUES ($businessId, 'pack_' || $businessId, 5, 2, 30, 0)", {
      businessId,
    });
    for (const [sha256, offset] of [
      [first, 40],
      [second, 90],
    ] as const)
      older.run(
        "INSERT INTO compute_blobs VALUES ($businessId, unhex($sha256), 'pack_' || $businessId, $offset, 15, 7)",
        { businessId, sha256, offset },
      );
  }
  older.close();

  const store = new SqliteStore(file, artifactMigrations);
  const artifacts = new SqliteArtifactStore(store);
  for (const businessId of ["biz_1", "biz_2"]) {
    const packId = `pack_${businessId}`;
    expect(await artifacts.findBlobs(businessId, [second, first])).toEqual([
      { sha256: first, bytes: 15, packId, offset: 40 },
      { sha256: second, bytes: 15, packId, offset: 90 },
    ]);
    expect(await artifacts.usedBytes(businessId)).toBe(30);
    expect(await artifacts.deleteBlobs(businessId, [first], 8)).toBe(1);
  }
  expect(await artifacts.scanPacks(undefined, 10)).toEqual(
    ["biz_1", "biz_2"].map((id) => ({ key: `${id}/pack_${id}`, blobs: 1, bytes: 15, begunAtMs: 5 })),
  );
  store.close();
});

async function open() {
  const sqlite = new SqliteStore(":memory:", artifactMigrations);
  return {
    store: new SqliteArtifactStore(sqlite),
    async [Symbol.asyncDispose]() {
      sqlite.close();
    },
  };
}
