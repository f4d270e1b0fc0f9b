import type { ClientSession, Collection } from "mongodb";
import { type KeyUsage, NO_USAGE, spend, withHold, withoutHold } from "../auth/key-limits.ts";
import type { MongoStore } from "../store/mongo.ts";
import type { JobDocument } from "./job-documents.mongo.ts";
import type { LimitedKey, WithinLimits } from "./job-store.ts";

interface UsageDocument {
  api_key_id: string;
  usage: KeyUsage;
  /** Every write raises it, so that of two transactions that read the same usage only one commits. */
  version: number;
}

/** How much of their limits keys have used. Call it in the transaction in which the jobs are written too. */
export class MongoKeyUsage {
  private readonly usages: Collection<UsageDocument>;
  private readonly jobs: Collection<JobDocument>;

  constructor(store: MongoStore) {
    this.usages = store.collection("compute_key_usage");
    this.jobs = store.collection("compute_jobs");
  }

  /** What a key has used, for several takes in one transaction. `save` it in the end. */
  async open({ apiKeyId, maxConcurrent }: LimitedKey, session: ClientSession): Promise<OpenUsage> {
    const found = await this.usages.findOne({ api_key_id: apiKeyId }, { session });
    const open =
      maxConcurrent === undefined ? 0 : await this.jobs.countDocuments({ open_key: apiKeyId }, { session });
    return new OpenUsage(found?.usage ?? NO_USAGE, open);
  }

  async save(apiKeyId: string, { usage }: OpenUsage, session: ClientSession): Promise<void> {
    await this.usages.updateOne(
      { api_key_id: apiKeyId },
      { $set: { usage }, $inc: { version: 1 } },
      { session, upsert: true },
    );
  }
}

export class OpenUsage {
  constructor(
    public usage: KeyUsage,
    private open: number,
  ) {}

  /** Counts jobs that are about to be made, if the limits allow it. `holdId`: with places until `release`. */
  take(key: LimitedKey, jobs: number, nowMs: number, holdId?: string): WithinLimits<undefined> {
    const spent = spend(this.usage, key, { jobs, open: this.open, nowMs });
    if (spent.kind === "refused") return spent;
    if (holdId === undefined) this.open += jobs;
    this.usage = holdId === undefined ? spent.usage : withHold(spent.usage, holdId, jobs, nowMs);
    return { kind: "within", left: spent.left, result: undefined };
  }

  release(holdId: string): void {
    this.usage = withoutHold(this.usage, holdId);
  }
}
