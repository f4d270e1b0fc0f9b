import { Binary, type Collection } from "mongodb";
import { isDuplicateKey, type MongoStore } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { PasskeyRecord, PasskeyStore } from "./passkey-store.ts";

interface PasskeyDocument {
  passkey_id: string;
  user_id: string;
  rp_id: string;
  public_key: Binary;
  counter: number;
  transports: readonly string[];
  name: string;
  created_at: number;
  last_used_at?: number | undefined;
}

export const passkeySteps = [
  collectionStep("passkey-1", "compute_passkeys", [
    { key: { passkey_id: 1 }, unique: true },
    { key: { user_id: 1, created_at: 1 } },
  ]),
];

export class MongoPasskeyStore implements PasskeyStore {
  private readonly passkeys: Collection<PasskeyDocument>;

  constructor(private readonly store: MongoStore) {
    this.passkeys = store.collection("compute_passkeys");
  }

  add(passkey: PasskeyRecord): Promise<boolean> {
    return this.store.attempt(async () => {
      try {
        await this.passkeys.insertOne({
          passkey_id: passkey.passkeyId,
          user_id: passkey.userId,
          rp_id: passkey.rpId,
          public_key: new Binary(passkey.publicKey),
          counter: passkey.counter,
          transports: passkey.transports,
          name: passkey.name,
          created_at: passkey.createdAtMs,
          last_used_at: passkey.lastUsedAtMs,
        });
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });
  }

  find(passkeyId: string): Promise<PasskeyRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.passkeys.findOne({ passkey_id: passkeyId });
      return found ? passkeyFrom(found) : undefined;
    });
  }

  ofPerson(userId: string): Promise<PasskeyRecord[]> {
    return this.store.attempt(async () => {
      const sort = { created_at: 1, passkey_id: 1 } as const;
      return (await this.passkeys.find({ user_id: userId }).sort(sort).toArray()).map(passkeyFrom);
    });
  }

  use(passkeyId: string, { before, after }: { before: number; after: number }, nowMs: number) {
    const change = { $set: { counter: after, last_used_at: nowMs } };
    return this.store.attempt(async () => {
      const where = { passkey_id: passkeyId, counter: before };
      return (await this.passkeys.updateOne(where, change)).matchedCount === 1;
    });
  }

  remove(userId: string, passkeyId: string): Promise<boolean> {
    return this.store.attempt(async () => {
      const where = { passkey_id: passkeyId, user_id: userId };
      return (await this.passkeys.deleteOne(where)).deletedCount === 1;
    });
  }

  hasAny(): Promise<boolean> {
    const where = { passkey_id: { $gt: "" } };
    return this.store.attempt(async () => (await this.passkeys.findOne(where)) !== null);
  }
}

function passkeyFrom(found: PasskeyDocument): PasskeyRecord {
  return {
    passkeyId: found.passkey_id,
    userId: found.user_id,
    rpId: found.rp_id,
    publicKey: new Uint8Array(found.public_key.value()),
    counter: found.counter,
    transports: found.transports,
    name: found.name,
    createdAtMs: found.created_at,
    lastUsedAtMs: found.last_used_at,
  };
}
