import type { Collection } from "mongodb";
import { isDuplicateKey, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { OneTimeStore, OneTimeValue } from "./one-time-store.ts";

interface OneTimeDocument {
  key: string;
  value: string;
  reads: number;
  ends_at: number;
}

export const oneTimeSteps = [
  collectionStep("one-time-1", "compute_one_time_values", [
    { key: { key: 1 }, unique: true },
    { key: { ends_at: 1 } },
  ]),
];

export class MongoOneTimeStore implements OneTimeStore {
  private readonly values: Collection<OneTimeDocument>;

  constructor(private readonly store: MongoStore) {
    this.values = store.collection("compute_one_time_values");
  }

  async put({ key, value, reads, endsAtMs }: OneTimeValue): Promise<void> {
    const change = { $set: { value, reads, ends_at: endsAtMs } };
    await this.store.attempt(() =>
      outlastOthers(() => this.values.updateOne({ key }, change, { upsert: true }), isDuplicateKey),
    );
  }

  read(key: string, nowMs: number): Promise<string | undefined> {
    return this.store.attempt(async () => {
      const where = { key, reads: { $gt: 0 }, ends_at: { $gt: nowMs } };
      return (await this.values.findOneAndUpdate(where, { $inc: { reads: -1 } }))?.value;
    });
  }

  remove(key: string, value: string): Promise<boolean> {
    return this.store.attempt(async () => (await this.values.deleteOne({ key, value })).deletedCount === 1);
  }

  prune(nowMs: number, limit: number): Promise<number> {
    return this.store.attempt(async () => {
      const ended = await this.values
        .find({ ends_at: { $lte: nowMs } })
        .sort({ ends_at: 1 })
        .limit(limit)
        .project<{ key: string }>({ _id: 0, key: 1 })
        .toArray();
      const where = { key: { $in: ended.map((one) => one.key) }, ends_at: { $lte: nowMs } };
      return (await this.values.deleteMany(where)).deletedCount;
    });
  }
}
