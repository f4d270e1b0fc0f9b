import type { Collection, Document } from "mongodb";
import { isDuplicateKey, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { ThrottleRule, ThrottleStore } from "./throttle-store.ts";

interface TriesDocument {
  key: string;
  tries: number;
  last_at: number;
  free_at: number;
  keep_until: number;
  /** How long the last try has to wait; 0: it was counted. Absent in documents that were moved here. */
  wait?: number;
}

export const throttleSteps = [
  collectionStep("throttle-1", "compute_tries", [
    { key: { key: 1 }, unique: true },
    { key: { keep_until: 1 } },
  ]),
];

export class MongoThrottleStore implements ThrottleStore {
  private readonly tries: Collection<TriesDocument>;

  constructor(private readonly store: MongoStore) {
    this.tries = store.collection("compute_tries");
  }

  take(key: string, rule: ThrottleRule, nowMs: number): Promise<number> {
    return this.store.attempt(async () => {
      // Of two servers that insert the same key, one gets an error; its next try finds the document.
      const after = await outlastOthers(
        () =>
          this.tries.findOneAndUpdate({ key }, takeStages(rule, nowMs), {
            upsert: true,
            returnDocument: "after",
          }),
        isDuplicateKey,
      );
      if (!after) throw new Error("The store answered an upsert with nothing");
      return after.wait ?? 0;
    });
  }

  async giveBack(key: string, nowMs: number): Promise<void> {
    const stage = {
      $set: {
        tries: { $max: [0, { $subtract: ["$tries", 1] }] },
        free_at: { $min: ["$free_at", nowMs] },
      },
    };
    await this.store.attempt(() => this.tries.updateOne({ key }, [stage]));
  }

  async clear(key: string, keepUntilMs: number): Promise<void> {
    const change = { $set: { tries: 0, last_at: 0, free_at: 0, keep_until: keepUntilMs } };
    await this.store.attempt(() =>
      outlastOthers(() => this.tries.updateOne({ key }, change, { upsert: true }), isDuplicateKey),
    );
  }

  has(key: string, nowMs: number): Promise<boolean> {
    const where = { key, keep_until: { $gt: nowMs } };
    return this.store.attempt(async () => (await this.tries.findOne(where)) !== null);
  }

  prune(nowMs: number, limit: number): Promise<number> {
    return this.store.attempt(async () => {
      const ended = await this.tries
        .find({ keep_until: { $lte: nowMs } })
        .sort({ keep_until: 1 })
        .limit(limit)
        .project<{ key: string }>({ _id: 0, key: 1 })
        .toArray();
      const where = { key: { $in: ended.map((one) => one.key) }, keep_until: { $lte: nowMs } };
      return (await this.tries.deleteMany(where)).deletedCount;
    });
  }
}

/** The same decision as in the embedded store, in one update, so that no two servers count from the same number. */
function takeStages({ freeTries, firstMs, maxMs, forgetMs }: ThrottleRule, nowMs: number): Document[] {
  const sinceLastMs = { $abs: { $subtract: [nowMs, { $ifNull: ["$last_at", 0] }] } };
  const counts = { $lt: [sinceLastMs, forgetMs] };
  const leftMs = { $subtract: [{ $ifNull: ["$free_at", 0] }, nowMs] };
  const wait = { $cond: [counts, { $max: [0, { $min: [leftMs, maxMs] }] }, 0] };
  const isTaken = { $eq: ["$wait", 0] };
  const more = { $max: [0, { $min: [30, { $subtract: ["$tries", freeTries] }] }] };
  const waitAfterMs = {
    $cond: [
      { $lt: ["$tries", freeTries] },
      0,
      { $min: [maxMs, { $multiply: [firstMs, { $pow: [2, more] }] }] },
    ],
  };
  return [
    { $set: { wait, tries: { $cond: [counts, { $ifNull: ["$tries", 0] }, 0] } } },
    { $set: { tries: { $cond: [isTaken, { $add: ["$tries", 1] }, "$tries"] } } },
    {
      $set: {
        last_at: { $cond: [isTaken, nowMs, "$last_at"] },
        free_at: { $cond: [isTaken, { $add: [nowMs, waitAfterMs] }, "$free_at"] },
        keep_until: {
          $cond: [isTaken, { $max: ["$keep_until", nowMs + forgetMs] }, "$keep_until"],
        },
      },
    },
  ];
}
