import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { makeScratch } from "../../tests/support/scratch.ts";
import { type DiskFacts, DiskRoom, RoomForFiles } from "./disk-room.ts";

const MIB = 1024 * 1024;

async function stage(facts: DiskFacts) {
  const scratch = await makeScratch();
  const disk = { facts, freeInStore: 0, nowMs: 0 };
  const room = new DiskRoom({
    dir: scratch.path,
    freeInStoreBytes: () => disk.freeInStore,
    look: () => disk.facts,
    nowMs: () => disk.nowMs,
  });
  const shortage = (freeBytes: number) => {
    disk.facts = { ...disk.facts, freeBytes };
    disk.nowMs += 1_000;
    return room.shortage();
  };
  const ballastBytes = () => statSync(scratch.join("reserve"), { throwIfNoEntry: false })?.size;
  return { scratch, disk, room, shortage, ballastBytes };
}

test("a disk with less than a twentieth free is short of room; free space inside the store counts too", async () => {
  const { scratch, disk, shortage } = await stage({ freeBytes: 1_000 * MIB, totalBytes: 1_000 * MIB });
  await using _ = scratch;
  expect(shortage(60 * MIB)).toBeUndefined();
  expect(shortage(40 * MIB)).toContain("only 40 MiB are free below");
  disk.freeInStore = 20 * MIB;
  expect(shortage(40 * MIB)).toBeUndefined();
});

test("at most 256 MiB of a large disk stay free, and at least 8 MiB or a quarter of a small disk", async () => {
  const { scratch, disk, shortage } = await stage({ freeBytes: 0, totalBytes: 1_000_000 * MIB });
  await using _ = scratch;
  expect(shortage(255 * MIB)).toContain("full");
  expect(shortage(257 * MIB)).toBeUndefined();
  disk.facts = { freeBytes: 0, totalBytes: 50 * MIB };
  expect(shortage(7 * MIB)).toContain("full");
  expect(shortage(9 * MIB)).toBeUndefined();
  disk.facts = { freeBytes: 0, totalBytes: 4 * MIB };
  expect(shortage(0.9 * MIB)).toContain("full");
  expect(shortage(1.1 * MIB)).toBeUndefined();
});

test("a reserve is made while there is room, released once, and made again later", async () => {
  const { scratch, room, shortage, ballastBytes } = await stage({ freeBytes: 0, totalBytes: 1_000 * MIB });
  await using _ = scratch;
  expect(room.releaseBallast()).toBe(false);
  shortage(500 * MIB);
  expect(ballastBytes()).toBe(16 * MIB);
  expect(room.releaseBallast()).toBe(true);
  expect(room.releaseBallast()).toBe(false);
  shortage(60 * MIB);
  expect(ballastBytes()).toBeUndefined();
  shortage(500 * MIB);
  expect(ballastBytes()).toBe(16 * MIB);
});

test("files are refused only after another look at the disk: something may just have been deleted", () => {
  const free = [16 * MIB, 60 * MIB];
  const room = new RoomForFiles("/data", () => ({ freeBytes: free.shift() ?? 0, totalBytes: 100 * MIB }));
  expect(room.shortage(MIB)).toBeUndefined();
  expect(free).toEqual([]);
});

test("files that do not leave twice the reserve free are refused", () => {
  const room = new RoomForFiles("/data", () => ({ freeBytes: 20 * MIB, totalBytes: 100 * MIB }));
  expect(room.shortage(5 * MIB)).toContain("only 20 MiB are free below /data");
});
