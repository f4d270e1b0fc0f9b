import { expect, test } from "bun:test";
import { statSync } from "node:fs";
import { makeScratch } from "../../tests/support/scratch.ts";
import { type DiskFacts, DiskRoom } from "./disk-room.ts";

const MIB = 1024 * 1024;

async function stage(facts: DiskFacts) {
  const scratch = await makeScratch();
  const disk = { facts, freeInStore: 0, nowMs: 0 };
  const room = new DiskRoom(
    scratch.path,
    () => disk.freeInStore,
    () => disk.facts,
    () => disk.nowMs,
  );
  const shortage = (freeBytes: number) => {
    disk.facts = { ...disk.facts, freeBytes };
    disk.nowMs += 1_000;
    return room.shortage();
  };
  const ballastBytes = () => statSync(scratch.join("reserve"), { throwIfNoEntry: false })?.size;
  return { scratch, disk, room, shortage, ballastBytes };
}

test("a disk with less than a twentieth free is short of room; what is free inside the store counts", async () => {
  const { scratch, disk, shortage } = await stage({ freeBytes: 1_000 * MIB, totalBytes: 1_000 * MIB });
  await using _ = scratch;
  expect(shortage(60 * MIB)).toBeUndefined();
  expect(shortage(40 * MIB)).toContain("only 40 MiB are free below");
  disk.freeInStore = 20 * MIB;
  expect(shortage(40 * MIB)).toBeUndefined();
});

test("of a large disk no more than 256 MiB are kept free, of a small one no less than 8 MiB or a quarter", async () => {
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

test("a reserve is put aside while there is room, given away once, and put aside again", async () => {
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
