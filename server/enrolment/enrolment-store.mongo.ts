import type { Collection, Filter } from "mongodb";
import type { MongoStore } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { EnrolmentRecord, EnrolmentStore } from "./enrolment-store.ts";

interface EnrolmentDocument {
  enrolment_id: string;
  business_id: string;
  user_id: string;
  secret_hash: string;
  max_uses: number;
  used: number;
  use_keys: string[];
  pool?: string;
  labels: Record<string, string>;
  created_at: number;
  expires_at: number;
  last_used_at?: number;
  revoked_at?: number;
}

export const enrolmentSteps = [
  collectionStep("enrolment-1", "compute_enrolments", [
    { key: { enrolment_id: 1 }, unique: true },
    { key: { business_id: 1, enrolment_id: 1 } },
  ]),
];

export class MongoEnrolmentStore implements EnrolmentStore {
  private readonly enrolments: Collection<EnrolmentDocument>;

  constructor(private readonly store: MongoStore) {
    this.enrolments = store.collection("compute_enrolments");
  }

  insert(enrolment: EnrolmentRecord): Promise<void> {
    const document: EnrolmentDocument = {
      enrolment_id: enrolment.enrolmentId,
      business_id: enrolment.businessId,
      user_id: enrolment.userId,
      secret_hash: enrolment.secretHash,
      max_uses: enrolment.maxUses,
      used: enrolment.used,
      use_keys: [],
      ...(enrolment.pool === undefined ? {} : { pool: enrolment.pool }),
      labels: { ...enrolment.labels },
      created_at: enrolment.createdAtMs,
      expires_at: enrolment.expiresAtMs,
    };
    return this.store.attempt(async () => void (await this.enrolments.insertOne(document)));
  }

  find(enrolmentId: string): Promise<EnrolmentRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.enrolments.findOne({ enrolment_id: enrolmentId });
      return found ? recordFrom(found) : undefined;
    });
  }

  list(businessId: string, beforeId: string | undefined, limit: number): Promise<EnrolmentRecord[]> {
    const filter: Filter<EnrolmentDocument> = { business_id: businessId };
    if (beforeId !== undefined) filter.enrolment_id = { $lt: beforeId };
    return this.store.attempt(async () => {
      const found = await this.enrolments.find(filter).sort({ enrolment_id: -1 }).limit(limit).toArray();
      return found.map(recordFrom);
    });
  }

  use(enrolmentId: string, useKey: string, nowMs: number): Promise<boolean> {
    const valid: Filter<EnrolmentDocument> = {
      enrolment_id: enrolmentId,
      revoked_at: { $exists: false },
      expires_at: { $gt: nowMs },
    };
    return this.store.attempt(async () => {
      const { matchedCount } = await this.enrolments.updateOne(
        { ...valid, use_keys: { $ne: useKey }, $expr: { $lt: ["$used", "$max_uses"] } },
        { $inc: { used: 1 }, $push: { use_keys: useKey }, $set: { last_used_at: nowMs } },
      );
      if (matchedCount > 0) return true;
      return (await this.enrolments.countDocuments({ ...valid, use_keys: useKey }, { limit: 1 })) > 0;
    });
  }

  revoke(businessId: string, enrolmentId: string, nowMs: number): Promise<EnrolmentRecord | undefined> {
    const own = { enrolment_id: enrolmentId, business_id: businessId };
    return this.store.attempt(async () => {
      await this.enrolments.updateOne(
        { ...own, revoked_at: { $exists: false } },
        { $set: { revoked_at: nowMs } },
      );
      const found = await this.enrolments.findOne(own);
      return found ? recordFrom(found) : undefined;
    });
  }
}

function recordFrom(document: EnrolmentDocument): EnrolmentRecord {
  return {
    enrolmentId: document.enrolment_id,
    businessId: document.business_id,
    userId: document.user_id,
    secretHash: document.secret_hash,
    maxUses: document.max_uses,
    used: document.used,
    pool: document.pool,
    labels: document.labels,
    createdAtMs: document.created_at,
    expiresAtMs: document.expires_at,
    lastUsedAtMs: document.last_used_at,
    revokedAtMs: document.revoked_at,
  };
}
