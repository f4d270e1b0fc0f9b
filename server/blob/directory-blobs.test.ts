import { expect, test } from "bun:test";
import { chmodSync, readdirSync, statfsSync, statSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { newId } from "../../shared/ids.ts";
import { makeScratch } from "../../tests/support/scratch.ts";
import { SmallDisk } from "../../tests/support/small-disk.ts";
import { MAX_WRITER_MS } from "./blob-store.ts";
import { DirectoryBlobs } from "./directory-blobs.ts";

const MIB = 1024 * 1024;
const newKey = () => `${newId("biz")}/${newId("pack")}`;

test.skipIf(!SmallDisk.isPossible)(
  "files stop before the disk is full, say what to do, and leave room for the store",
  async () => {
    await using scratch = await makeScratch();
    using disk = SmallDisk.mount(scratch.join("data"), 48);
    const blobs = new DirectoryBlobs(`${disk.path}/artifacts`);
    await blobs.prepare();
    const fill = async () => {
      for (;;) {
        const writer = await blobs.create(newKey());
        try {
          for (let i = 0; i < 16; i++) await writer.write(new Uint8Array(MIB).fill(i));
          await writer.finish();
        } catch (error) {
          await writer.abort();
          throw error;
        }
      }
    };
    expect(await fill().catch((error) => error)).toMatchObject({
      code: "storage_failed",
      message: expect.stringMatching(/has no room for files: only .* are free below .* delete artifacts/),
    });
    const { bavail, bsize } = statfsSync(disk.path);
    expect(bavail * bsize).toBeGreaterThan(10 * MIB);
    expect(readdirSync(`${disk.path}/artifacts/.incoming`)).toEqual([]);
    const [kept] = await blobs.list(undefined, 10);
    await blobs.delete([kept?.key ?? ""]);
    const writer = await blobs.create(newKey());
    await writer.write(new Uint8Array(MIB));
    await writer.finish();
  },
);

test.skipIf(!SmallDisk.isPossible)(
  "a disk that other programs fill to the last byte is reported as full, and nothing is left behind",
  async () => {
    await using scratch = await makeScratch();
    using disk = SmallDisk.mount(scratch.join("data"), 2);
    const blobs = new DirectoryBlobs(`${disk.path}/artifacts`, { shortage: () => undefined });
    await blobs.prepare();
    const writer = await blobs.create(newKey());
    expect(await writer.write(new Uint8Array(4 * MIB)).catch((error) => error)).toMatchObject({
      code: "storage_failed",
      message: expect.stringContaining("The disk is full. Make room there, or delete artifacts."),
    });
    await writer.abort();
    expect(readdirSync(`${disk.path}/artifacts/.incoming`)).toEqual([]);
  },
);

test("only this account can read the files, also below a directory that was open", async () => {
  await using scratch = await makeScratch();
  const dir = scratch.join("artifacts");
  const blobs = new DirectoryBlobs(dir);
  await blobs.prepare();
  chmodSync(dir, 0o755);
  await blobs.prepare();
  const writer = await blobs.create(newKey());
  await writer.write(new Uint8Array(10));
  await writer.finish();
  for (const name of [".", ...(await readdir(dir, { recursive: true }))]) {
    expect([name, statSync(`${dir}/${name}`).mode & 0o077]).toEqual([name, 0]);
  }
});

test("a writer that took longer than the limit cannot finish, because a sweep may have removed its file", async () => {
  await using scratch = await makeScratch();
  const blobs = new DirectoryBlobs(scratch.join("artifacts"));
  await blobs.prepare();
  const writer = await blobs.create(newKey());
  await writer.write(new Uint8Array(10));
  const now = performance.now;
  try {
    performance.now = () => now.call(performance) + MAX_WRITER_MS + 1_000;
    await expect(writer.finish()).rejects.toThrow("took longer than 60 minutes. Send it again.");
  } finally {
    performance.now = now;
  }
  expect(await blobs.list(undefined, 10)).toEqual([]);
  expect(readdirSync(scratch.join("artifacts/.incoming"))).toEqual([]);
});
