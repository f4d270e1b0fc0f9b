import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { packOf } from "../../server/artifact/artifact-store.ts";
import type { BlobStore } from "../../server/blob/blob-store.ts";
import { DirectoryBlobs } from "../../server/blob/directory-blobs.ts";
import type { Stores } from "../../server/compose/stores.ts";
import { checkFiles } from "../../server/integrity/check-files.ts";
import { PACK_HEADER_BYTES } from "../../shared/files/pack.ts";
import { sha256Of } from "../../shared/files/sha256.ts";
import { newId } from "../../shared/ids.ts";
import { makeScratch } from "../support/scratch.ts";
import { type StoredFiles, storeFiles } from "../support/store-files.ts";

const BUSINESS = newId("biz");
const textOf = (text: string) => new TextEncoder().encode(text);
const files = {
  "a.txt": textOf("the first file"),
  "dir-b.txt": textOf("the second"),
  "empty.txt": textOf(""),
};

/** What `server check` finds about files, on every index. `open` gives an empty one. */
export function checkFilesContract(name: string, open: () => Promise<Stores>): void {
  describe(`${name}: the check of files`, () => {
    test("artifacts that are whole have no fault", () =>
      onFiles(open, async ({ check }) => {
        expect(await check(false)).toEqual({ artifacts: 2, packs: 5, faults: [] });
        expect(await check(true)).toEqual({ artifacts: 2, packs: 5, faults: [] });
      }));

    test("a pack that is gone is found, and the artifact and file that need it are named", () =>
      onFiles(open, async ({ check, stored, fileOf }) => {
        const key = stored.packs["a.txt"] ?? "";
        rmSync(fileOf(key));
        const detail = `a.txt: the pack ${key} is missing from the data directory`;
        expect((await check(false)).faults).toEqual([{ id: stored.artifact.artifactId, detail }]);
      }));

    test("a pack that lost its end is found", () =>
      onFiles(open, async ({ check, stored, fileOf }) => {
        truncateSync(fileOf(stored.packs["dir-b.txt"] ?? ""), PACK_HEADER_BYTES + 3);
        const [fault] = (await check(false)).faults;
        expect(fault?.detail).toContain("dir-b.txt: the pack");
        expect(fault?.detail).toContain("is too short: 43 bytes");
      }));

    test("a changed byte is found by a deep check", () =>
      onFiles(open, async ({ check, stored, fileOf }) => {
        flipByte(fileOf(stored.packs["a.txt"] ?? ""), PACK_HEADER_BYTES + 5);
        expect((await check(false)).faults).toEqual([]);
        const [fault] = (await check(true)).faults;
        expect(fault).toMatchObject({
          id: stored.artifact.artifactId,
          detail: `a.txt: its content in the pack ${stored.packs["a.txt"]} is damaged`,
        });
      }));

    test("a list of files that is gone or damaged is found", () =>
      onFiles(open, async ({ check, stored, fileOf }) => {
        const tree = fileOf(stored.packs[""] ?? "");
        flipByte(tree, PACK_HEADER_BYTES + 2);
        expect((await check(false)).faults[0]?.detail).toStartWith("its list of files is damaged: ");
        rmSync(tree);
        expect((await check(false)).faults[0]?.detail).toStartWith("its list of files: the pack ");
      }));

    test("lost content is forgotten when asked for, and then sending the files again makes the artifact whole", () =>
      onFiles(open, async ({ check, stores, blobs, stored, fileOf }) => {
        rmSync(fileOf(stored.packs["a.txt"] ?? ""));
        flipByte(fileOf(stored.packs[""] ?? ""), PACK_HEADER_BYTES + 2);
        const digests = [sha256Of(files["a.txt"]), stored.artifact.tree.sha256];
        const missing = async () => {
          const sizes = await stores.artifacts.touchBlobs(BUSINESS, digests, Date.now());
          return digests.filter((_, i) => sizes[i] === undefined);
        };
        expect(await missing()).toEqual([]);
        expect((await check(false, true)).forgotten).toBe(1);
        expect((await check(true, true)).forgotten).toBe(1);
        expect(await missing()).toEqual(digests);
        await storeFiles(stores, blobs, BUSINESS, files);
        expect((await check(true)).faults).toEqual([]);
      }));

    test("a blob that the index does not know is found", () =>
      onFiles(open, async ({ check, stored, stores }) => {
        const sha256 = sha256Of(files["a.txt"]);
        await stores.artifacts.deleteBlobs(BUSINESS, [sha256], Date.now() + 60_000);
        expect((await check(false)).faults).toEqual([
          { id: stored.artifact.artifactId, detail: `a.txt: the store has no blob ${sha256}` },
        ]);
      }));
  });
}

interface Stage {
  stores: Stores;
  stored: StoredFiles;
  blobs: BlobStore;
  fileOf: (packKey: string) => string;
  check: (deep: boolean, forgetLost?: boolean) => ReturnType<typeof checkFiles>;
}

/** An artifact with files, and another one. */
async function onFiles(open: () => Promise<Stores>, body: (stage: Stage) => Promise<void>): Promise<void> {
  await using scratch = await makeScratch();
  const blobs = new DirectoryBlobs(scratch.path);
  await blobs.prepare();
  const stores = await open();
  try {
    const stored = await storeFiles(stores, blobs, BUSINESS, files);
    await storeFiles(stores, blobs, newId("biz"), { "other.txt": textOf("other") });
    const fileOf = (key: string) => {
      const paths = readdirSync(scratch.path, { recursive: true }).map(String);
      return join(scratch.path, paths.find((path) => path.endsWith(packOf(key).packId)) ?? key);
    };
    const check = (deep: boolean, forgetLost?: boolean) =>
      checkFiles({ artifacts: stores.artifacts, blobs }, { deep, forgetLost, maxFaults: 20 });
    await body({ stores, blobs, stored, fileOf, check });
  } finally {
    await stores.close();
  }
}

function flipByte(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}
