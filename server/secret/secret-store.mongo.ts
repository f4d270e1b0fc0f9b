import { Binary, type Collection, type Filter } from "mongodb";
import { isDuplicateKey, isFasterElsewhere, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import { dropTrashedSecrets, hasTrashedSecrets, putInTrash } from "../trash/trash-store.mongo.ts";
import type { IntoTrash } from "../trash/trash-store.ts";
import type {
  DataKey,
  SealedSecret,
  SecretChange,
  SecretPlace,
  SecretRecord,
  SecretStore,
  SetOutcome,
} from "./secret-store.ts";

interface KeyDocument {
  business_id: string;
  key_id: string;
  wrapped: Binary;
  /** Every change of the business's secrets increments it, so that concurrent changes meet here. */
  changes?: number;
}
interface SecretDocument {
  business_id: string;
  name: string;
  version: number;
  sealed: Binary;
  user_id: string;
  created_at: number;
  updated_at: number;
  expires_at?: number;
}

export const secretSteps = [
  collectionStep("secret-1", "compute_data_keys", [{ key: { business_id: 1 }, unique: true }]),
  collectionStep("secret-2", "compute_job_secrets", [{ key: { business_id: 1, name: 1 }, unique: true }]),
  collectionStep("secret-3", "compute_job_secrets", [{ key: { expires_at: 1 }, sparse: true }]),
];

const WITHOUT_VALUE = { projection: { _id: 0, sealed: 0 } };

export class MongoSecretStore implements SecretStore {
  private readonly keys: Collection<KeyDocument>;
  private readonly secrets: Collection<SecretDocument>;

  constructor(private readonly store: MongoStore) {
    this.keys = store.collection("compute_data_keys");
    this.secrets = store.collection("compute_job_secrets");
  }

  set(change: SecretChange): Promise<SetOutcome> {
    const { businessId: business_id, keyId: key_id, name, userId: user_id, nowMs, maxSecrets } = change;
    const sealed = new Binary(change.sealed);
    const expires_at = change.expiresAtMs;
    const expiry = expires_at === undefined ? { $unset: { expires_at: "" } as const } : {};
    const times = expires_at === undefined ? {} : { expires_at };
    const body = () =>
      this.store.transaction(async (session): Promise<SetOutcome> => {
        const counted = { $inc: { changes: 1 } };
        const { matchedCount } = await this.keys.updateOne({ business_id, key_id }, counted, { session });
        if (matchedCount === 0) return { kind: "key-gone" };
        const changed = await this.secrets.findOneAndUpdate(
          { business_id, name },
          { $set: { sealed, user_id, updated_at: nowMs, ...times }, $inc: { version: 1 }, ...expiry },
          { session, returnDocument: "after", ...WITHOUT_VALUE },
        );
        if (changed) return { kind: "set", secret: recordFrom(changed) };
        const count = await this.secrets.countDocuments({ business_id }, { session, limit: maxSecrets });
        if (count >= maxSecrets) return { kind: "full" };
        const made = { created_at: nowMs, updated_at: nowMs, ...times };
        const document = { business_id, name, version: 1, sealed, user_id, ...made };
        await this.secrets.insertOne({ ...document }, { session });
        return { kind: "set", secret: recordFrom(document) };
      });
    return this.store.attempt(() => outlastOthers(body, isFasterElsewhere));
  }

  list(
    businessId: string,
    afterName: string | undefined,
    limit: number,
    nowMs: number,
  ): Promise<SecretRecord[]> {
    const where = { business_id: businessId, name: { $gt: afterName ?? "" }, ...validAt(nowMs) };
    return this.store.attempt(async () => {
      const found = await this.secrets.find(where, WITHOUT_VALUE).sort({ name: 1 }).limit(limit).toArray();
      return found.map(recordFrom);
    });
  }

  known(businessId: string, names: readonly string[], nowMs: number): Promise<string[]> {
    return this.store.attempt(async () => {
      const where = { business_id: businessId, name: { $in: [...names] }, ...validAt(nowMs) };
      return (await this.secrets.find(where, WITHOUT_VALUE).toArray()).map(({ name }) => name);
    });
  }

  find(businessId: string, names: readonly string[], nowMs: number): Promise<SealedSecret[]> {
    return this.store.attempt(async () => {
      const where = { business_id: businessId, name: { $in: [...names] }, ...validAt(nowMs) };
      return (await this.secrets.find(where).toArray()).map(sealedFrom);
    });
  }

  remove(businessId: string, names: readonly string[], into?: IntoTrash): Promise<string[]> {
    return this.removeWhere(businessId, { name: { $in: [...names] } }, into);
  }

  async removeExpired(nowMs: number, limit: number): Promise<number> {
    const where = { expires_at: { $lte: nowMs } };
    const found = await this.store.attempt(() =>
      this.secrets.find(where, WITHOUT_VALUE).limit(limit).toArray(),
    );
    let removed = 0;
    for (const businessId of new Set(found.map(({ business_id }) => business_id)))
      removed += (await this.removeWhere(businessId, where)).length;
    return removed;
  }

  private removeWhere(
    businessId: string,
    which: Filter<SecretDocument>,
    into?: IntoTrash,
  ): Promise<string[]> {
    const business_id = businessId;
    const body = () =>
      this.store.transaction(async (session) => {
        await this.keys.updateOne({ business_id }, { $inc: { changes: 1 } }, { session });
        const where = { ...which, business_id };
        const found = await this.secrets.find(where, { session, ...WITHOUT_VALUE }).toArray();
        const names = found.map(({ name }) => name);
        if (into) {
          if (names.length > 0) await putInTrash(this.store, session, businessId, "secrets", names, into);
          return names;
        }
        await this.secrets.deleteMany(where, { session });
        const left = await this.secrets.findOne({ business_id }, { session, ...WITHOUT_VALUE });
        if (!left && !(await hasTrashedSecrets(this.store, session, businessId)))
          await this.keys.deleteOne({ business_id }, { session });
        return names;
      });
    return this.store.attempt(() => outlastOthers(body));
  }

  dataKey(businessId: string): Promise<DataKey | undefined> {
    return this.store.attempt(async () => {
      const found = await this.keys.findOne({ business_id: businessId });
      return found ? keyFrom(found) : undefined;
    });
  }

  makeDataKey(fresh: DataKey): Promise<DataKey> {
    const { businessId: business_id, keyId: key_id } = fresh;
    return this.store.attempt(async () => {
      try {
        await this.keys.insertOne({ business_id, key_id, wrapped: new Binary(fresh.wrapped) });
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
      }
      const found = await this.keys.findOne({ business_id });
      return found ? keyFrom(found) : fresh;
    });
  }

  removeLostKey({ businessId, keyId, wrapped }: DataKey): Promise<boolean> {
    const business_id = businessId;
    const where = { business_id, key_id: keyId, wrapped: new Binary(wrapped) };
    const body = () =>
      this.store.transaction(async (session) => {
        if (await this.secrets.findOne({ business_id }, { session, ...WITHOUT_VALUE })) return false;
        // A value that is set meanwhile changes the same document, so one of the two is carried out again.
        const { deletedCount } = await this.keys.deleteOne(where, { session });
        if (deletedCount === 0) return false;
        await dropTrashedSecrets(this.store, session, businessId);
        return true;
      });
    return this.store.attempt(() => outlastOthers(body));
  }

  rewrap({ businessId, keyId, wrapped: before }: DataKey, wrapped: Uint8Array): Promise<boolean> {
    const where = { business_id: businessId, key_id: keyId, wrapped: new Binary(before) };
    const change = { $set: { wrapped: new Binary(wrapped) } };
    return this.store.attempt(async () => (await this.keys.updateOne(where, change)).matchedCount === 1);
  }

  dataKeys(afterBusinessId: string | undefined, limit: number): Promise<DataKey[]> {
    const where = { business_id: { $gt: afterBusinessId ?? "" } };
    return this.store.attempt(async () => {
      const found = await this.keys.find(where).sort({ business_id: 1 }).limit(limit).toArray();
      return found.map(keyFrom);
    });
  }

  all(after: SecretPlace | undefined, limit: number): Promise<SealedSecret[]> {
    const { businessId: business_id = "", name = "" } = after ?? {};
    const order = { business_id: 1, name: 1 } as const;
    return this.store.attempt(async () => {
      const same = await this.secrets
        .find({ business_id, name: { $gt: name } })
        .sort(order)
        .limit(limit)
        .toArray();
      const later = { business_id: { $gt: business_id } };
      const left = limit - same.length;
      const others = left > 0 ? await this.secrets.find(later).sort(order).limit(left).toArray() : [];
      return [...same, ...others].map(sealedFrom);
    });
  }
}

function validAt(nowMs: number): Filter<SecretDocument> {
  return { $or: [{ expires_at: { $exists: false } }, { expires_at: { $gt: nowMs } }] };
}

function keyFrom({ business_id, key_id, wrapped }: KeyDocument): DataKey {
  return { businessId: business_id, keyId: key_id, wrapped: new Uint8Array(wrapped.value()) };
}

function sealedFrom({ business_id, name, sealed }: SecretDocument): SealedSecret {
  return { businessId: business_id, name, sealed: new Uint8Array(sealed.value()) };
}

function recordFrom(found: Omit<SecretDocument, "sealed">): SecretRecord {
  return {
    businessId: found.business_id,
    name: found.name,
    version: found.version,
    userId: found.user_id,
    createdAtMs: found.created_at,
    updatedAtMs: found.updated_at,
    ...(found.expires_at !== undefined && { expiresAtMs: found.expires_at }),
  };
}
