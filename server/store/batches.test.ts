import { expect, test } from "bun:test";
import { Batches, type Waiting } from "./batches.ts";

/** Runs batches by hand: each waits until the test finishes it. */
class ByHand {
  readonly started: number[][] = [];
  private readonly open: (() => void)[] = [];

  run = async (batch: readonly Waiting<number, string>[]) => {
    this.started.push(batch.map(({ item }) => item));
    await new Promise<void>((resolve) => this.open.push(resolve));
    for (const { item, resolve } of batch) resolve(`done ${item}`);
  };

  finishNext(): void {
    this.open.shift()?.();
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(() => setImmediate(resolve)));

test("items added in one turn form a batch, and so do those added while a batch is under way", async () => {
  const byHand = new ByHand();
  const batches = new Batches(byHand.run, { maxItems: 10, maxInFlight: 1 });
  const first = [batches.add(1), batches.add(2)];
  await turn();
  const later = [batches.add(3), batches.add(4)];
  await turn();
  expect(byHand.started).toEqual([[1, 2]]);
  byHand.finishNext();
  expect(await Promise.all(first)).toEqual(["done 1", "done 2"]);
  await turn();
  expect(byHand.started).toEqual([
    [1, 2],
    [3, 4],
  ]);
  byHand.finishNext();
  expect(await Promise.all(later)).toEqual(["done 3", "done 4"]);
  await turn();
  expect(batches.idle).toBe(true);
});

test("the size of a batch and the number of batches under way have limits", async () => {
  const byHand = new ByHand();
  const batches = new Batches(byHand.run, { maxItems: 2, maxInFlight: 2 });
  const all = [1, 2, 3, 4, 5].map((item) => batches.add(item));
  await turn();
  await turn();
  expect(byHand.started).toEqual([
    [1, 2],
    [3, 4],
  ]);
  for (let i = 0; i < 3; i++) {
    byHand.finishNext();
    await turn();
    await turn();
  }
  expect(await Promise.all(all)).toHaveLength(5);
  expect(byHand.started[2]).toEqual([5]);
});

test("a batch that fails rejects its unsettled items, and the next batch runs", async () => {
  let runs = 0;
  const batches = new Batches<number, string>(
    async ([first]) => {
      runs++;
      first?.resolve("kept");
      throw new Error("no more");
    },
    { maxItems: 2, maxInFlight: 1 },
  );
  const results = await Promise.allSettled([1, 2, 3].map((item) => batches.add(item)));
  expect(results.map((result) => result.status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(runs).toBe(2);
});
