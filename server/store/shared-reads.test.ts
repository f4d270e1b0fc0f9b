import { expect, test } from "bun:test";
import { SharedReads } from "./shared-reads.ts";

test("calls for a key in one turn share a read that begins after all of them; a later call reads again", async () => {
  let value = 0;
  const read: string[] = [];
  const reads = new SharedReads(async (key) => {
    read.push(key);
    return value;
  });
  const first = reads.get("a");
  value = 1;
  expect(await Promise.all([first, reads.get("a"), reads.get("b")])).toEqual([1, 1, 1]);
  expect(read).toEqual(["a", "b"]);
  value = 2;
  expect(await reads.get("a")).toBe(2);
});

test("all who share a read get its error, and the next call is not affected", async () => {
  let isBroken = true;
  const reads = new SharedReads<number>(() =>
    isBroken ? Promise.reject(new Error("broken")) : Promise.resolve(1),
  );
  const outcomes = await Promise.allSettled([reads.get("a"), reads.get("a")]);
  expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
  isBroken = false;
  expect(await reads.get("a")).toBe(1);
});

test("a read that is under way is not shared with a call that comes after it began", async () => {
  const begun: PromiseWithResolvers<number>[] = [];
  const reads = new SharedReads<number>(() => {
    const one = Promise.withResolvers<number>();
    begun.push(one);
    return one.promise;
  });
  const first = reads.get("a");
  await new Promise(setImmediate);
  const second = reads.get("a");
  await new Promise(setImmediate);
  expect(begun).toHaveLength(2);
  begun[0]?.resolve(1);
  begun[1]?.resolve(2);
  expect([await first, await second]).toEqual([1, 2]);
});
