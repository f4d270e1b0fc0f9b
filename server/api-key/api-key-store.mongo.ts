import type { Collection } from "mongodb";
import type { Role } from "../../shared/auth.ts";
import type { JobType } from "../../shared/job-fields.ts";
import { isFasterElsewhere, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { ApiKeyListQuery, ApiKeyRecord, ApiKeyStore, CreateKeyOutcome } from "./api-key-store.ts";

interface ApiKeyDocument {
  api_key_id: string;
  business_id: string;
  user_id: string;
  session_id: string;
  name: string;
  key_hash: string;
  role: Role;
  read_only: boolean;
  max_jobs_per_hour?: number;
  max_concurrent?: number;
  allowed_job_types?: readonly JobType[];
  created_at: number;
  expires_at?: number;
  revoked_at?: number;
  last_used_at?: number;
  /** The business, only while it is not revoked. */
  live_in?: string;
}

/** Concurrent changes of one person's keys meet here. */
interface HolderDocument {
  holder: string;
  changes: number;
}

const isLive = { live_in: { $exists: true } };

export const apiKeySteps = [
  collectionStep("api-key-1", "compute_api_keys", [
    { key: { api_key_id: 1 }, unique: true },
    { key: { live_in: 1, user_id: 1, name: 1 }, unique: true, partialFilterExpression: isLive },
    { key: { live_in: 1, created_at: -1, api_key_id: -1 }, partialFilterExpression: isLive },
  ]),
  collectionStep("api-key-2", "compute_api_key_holders", [{ key: { holder: 1 }, unique: true }]),
];

export class MongoApiKeyStore implements ApiKeyStore {
  private readonly keys: Collection<ApiKeyDocument>;
  private readonly holders: Collection<HolderDocument>;

  constructor(private readonly store: MongoStore) {
    this.keys = store.collection("compute_api_keys");
    this.holders = store.collection("compute_api_key_holders");
  }

  create(key: ApiKeyRecord, maxKeys: number): Promise<CreateKeyOutcome> {
    const { apiKeyId: api_key_id, businessId, userId: user_id, name } = key;
    const body = () =>
      this.store.transaction(async (session): Promise<CreateKeyOutcome> => {
        const holder = { holder: `${businessId}/${user_id}` };
        await this.holders.updateOne(holder, { $inc: { changes: 1 } }, { session, upsert: true });
        const own = { live_in: businessId, user_id };
        if (await this.keys.findOne({ api_key_id }, { session })) return "id-taken";
        if (await this.keys.findOne({ ...own, name }, { session })) return "name-taken";
        if ((await this.keys.countDocuments(own, { session, limit: maxKeys })) >= maxKeys) return "full";
        await this.keys.insertOne(documentOf(key), { session });
        return "created";
      });
    return this.store.attempt(() => outlastOthers(body, isFasterElsewhere));
  }

  find(apiKeyId: string): Promise<ApiKeyRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.keys.findOne({ api_key_id: apiKeyId });
      return found ? recordFrom(found) : undefined;
    });
  }

  list({ businessId, userId, before, limit }: ApiKeyListQuery): Promise<ApiKeyRecord[]> {
    const older = before && [
      { created_at: { $lt: before.createdAtMs } },
      { created_at: before.createdAtMs, api_key_id: { $lt: before.apiKeyId } },
    ];
    const where = {
      live_in: businessId,
      ...(userId !== undefined && { user_id: userId }),
      ...(older && { $or: older }),
    };
    return this.store.attempt(async () => {
      const found = this.keys.find(where).sort({ created_at: -1, api_key_id: -1 }).limit(limit);
      return (await found.toArray()).map(recordFrom);
    });
  }

  revoke(apiKeyId: string, nowMs: number): Promise<boolean> {
    return this.store.attempt(async () => {
      const { modifiedCount } = await this.keys.updateOne(
        { api_key_id: apiKeyId, ...isLive },
        { $set: { revoked_at: nowMs }, $unset: { live_in: "" } },
      );
      return modifiedCount === 1;
    });
  }

  async touch(apiKeyId: string, nowMs: number): Promise<void> {
    await this.store.attempt(() =>
      this.keys.updateOne({ api_key_id: apiKeyId }, { $max: { last_used_at: nowMs } }),
    );
  }
}

function documentOf(key: ApiKeyRecord): ApiKeyDocument {
  return {
    api_key_id: key.apiKeyId,
    business_id: key.businessId,
    user_id: key.userId,
    session_id: key.sessionId,
    name: key.name,
    key_hash: key.keyHash,
    role: key.role,
    read_only: key.readOnly,
    max_jobs_per_hour: key.maxJobsPerHour,
    max_concurrent: key.maxConcurrent,
    allowed_job_types: key.allowedJobTypes,
    created_at: key.createdAtMs,
    expires_at: key.expiresAtMs,
    revoked_at: key.revokedAtMs,
    last_used_at: key.lastUsedAtMs,
    live_in: key.revokedAtMs === undefined ? key.businessId : undefined,
  };
}

function recordFrom(document: ApiKeyDocument): ApiKeyRecord {
  return {
    apiKeyId: document.api_key_id,
    businessId: document.business_id,
    userId: document.user_id,
    sessionId: document.session_id,
    name: document.name,
    keyHash: document.key_hash,
    role: document.role,
    readOnly: document.read_only,
    maxJobsPerHour: document.max_jobs_per_hour,
    maxConcurrent: document.max_concurrent,
    allowedJobTypes: document.allowed_job_types,
    createdAtMs: document.created_at,
    expiresAtMs: document.expires_at,
    revokedAtMs: document.revoked_at,
    lastUsedAtMs: document.last_used_at,
  };
}
