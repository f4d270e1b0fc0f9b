import type { Collection } from "mongodb";
import { isDuplicateKey, type MongoStore } from "../store/mongo.ts";
import { LEASE_SKEW_MS, type Lease, type LeaseRequest, type LeaseStore } from "./lease-store.ts";

/** A document of `compute_leases`; the index on `_id` answers every query. */
interface LeaseDocument {
  /** The name of the task. */
  _id: string;
  holder: string;
  until: number;
}

export class MongoLeaseStore implements LeaseStore {
  private readonly leases: Collection<LeaseDocument>;

  constructor(private readonly store: MongoStore) {
    this.leases = store.collection("compute_leases");
  }

  acquire({ task, holder, nowMs, untilMs }: LeaseRequest): Promise<Lease> {
    return this.store.attempt(async () => {
      try {
        await this.leases.updateOne(
          {
            _id: task,
            $or: [{ holder }, { until: { $lte: nowMs } }, { until: { $gt: untilMs + LEASE_SKEW_MS } }],
          },
          { $set: { holder, until: untilMs } },
          { upsert: true },
        );
        return { held: untilMs > nowMs, untilMs };
      } catch (error) {
        // Another server holds the lease, so the upsert tried to insert a second one.
        if (!isDuplicateKey(error)) throw error;
        const lease = await this.leases.findOne({ _id: task });
        return { held: false, untilMs: lease?.until ?? untilMs };
      }
    });
  }
}
