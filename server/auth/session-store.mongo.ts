import { Binary, type Collection } from "mongodb";
import type { Role } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import { Lookups } from "../store/lookups.mongo.ts";
import { isDuplicateKey, type MongoStore } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import { readSecret, resealSecrets, Seal } from "./seal.ts";
import {
  ANY_AGE,
  type Member,
  type NewSession,
  type OpenedSession,
  type SessionRecord,
  type SessionStore,
} from "./session-store.ts";

interface SessionDocument {
  session_id: string;
  user_id: string;
  business_id: string;
  generation: number;
  rotated_at: number;
  revoked_at?: number;
  created_at: number;
  client_id?: string;
}
interface UserDocument {
  user_id: string;
  name: string;
  created_at: number;
}
interface BusinessDocument {
  business_id: string;
  name: string;
  created_at: number;
}
interface MembershipDocument {
  business_id: string;
  user_id: string;
  role: SessionRecord["role"];
}
interface SecretDocument {
  name: string;
  secret: Binary;
}

export const authSteps = [
  collectionStep("auth-users-1", "compute_users", [
    { key: { user_id: 1 }, unique: true },
    { key: { name: 1 }, unique: true },
  ]),
  collectionStep("auth-businesses-1", "compute_businesses", [
    { key: { business_id: 1 }, unique: true },
    { key: { name: 1 }, unique: true },
  ]),
  collectionStep("auth-memberships-1", "compute_memberships", [
    { key: { business_id: 1, user_id: 1 }, unique: true },
  ]),
  collectionStep("auth-sessions-1", "compute_sessions", [{ key: { session_id: 1 }, unique: true }]),
  collectionStep("auth-secrets-1", "compute_secrets", [{ key: { name: 1 }, unique: true }]),
  collectionStep("auth-used-ids-1", "compute_used_ids", [
    { key: { id: 1 }, unique: true },
    { key: { used_at: 1 } },
  ]),
];

function membershipKey(businessId: string, userId: string): string {
  return `${businessId}/${userId}`;
}

function membershipOf(key: string): Pick<MembershipDocument, "business_id" | "user_id"> {
  const slash = key.indexOf("/");
  return { business_id: key.slice(0, slash), user_id: key.slice(slash + 1) };
}

/** Two servers that insert the same row at the same time may both get an error. The next attempt finds the row. */
const MAX_UPSERT_ATTEMPTS = 10;

export class MongoSessionStore implements SessionStore {
  private readonly sessions: Collection<SessionDocument>;
  private readonly users: Collection<UserDocument>;
  private readonly businesses: Collection<BusinessDocument>;
  private readonly memberships: Collection<MembershipDocument>;
  private readonly secrets: Collection<SecretDocument>;
  /** Every request of a person or a node asks for its session. */
  private readonly live: Lookups<SessionDocument>;
  private readonly roles: Lookups<MembershipDocument>;

  private readonly secretRows = {
    names: () =>
      this.store.attempt(async () => {
        const found = await this.secrets
          .find({ name: { $gt: "" } })
          .sort({ name: 1 })
          .toArray();
        return found.map(({ name }) => name);
      }),
    findOrInsert: (name: string, fresh: Uint8Array) => this.findOrInsertSecret(name, fresh),
    replace: async (name: string, before: Uint8Array, after: Uint8Array) => {
      const change = { $set: { secret: new Binary(after) } };
      await this.store.attempt(() => this.secrets.updateOne({ name, secret: new Binary(before) }, change));
    },
  };

  constructor(
    private readonly store: MongoStore,
    private readonly seal: Seal = Seal.none,
  ) {
    this.sessions = store.collection("compute_sessions");
    this.users = store.collection("compute_users");
    this.businesses = store.collection("compute_businesses");
    this.memberships = store.collection("compute_memberships");
    this.secrets = store.collection("compute_secrets");
    this.live = new Lookups(store, {
      collection: this.sessions,
      filterOf: (ids) => ({ session_id: { $in: [...ids] }, revoked_at: { $exists: false } }),
      keyOf: (session) => session.session_id,
      projection: { _id: 0, session_id: 1, business_id: 1, user_id: 1 },
    });
    this.roles = new Lookups(store, {
      collection: this.memberships,
      filterOf: (keys) => ({ $or: keys.map(membershipOf) }),
      keyOf: ({ business_id, user_id }) => membershipKey(business_id, user_id),
      projection: { _id: 0, business_id: 1, user_id: 1, role: 1 },
    });
  }

  /** Needs no transaction: each step can be repeated, and leaves nothing wrong behind if a later one fails. */
  create({ sessionId, userName, businessName, role, nowMs }: NewSession): Promise<SessionRecord> {
    return this.store.attempt(async () => {
      const [user, business] = await Promise.all([
        upsert(() =>
          this.users.findOneAndUpdate(
            { name: userName },
            { $setOnInsert: { user_id: newId("usr"), created_at: nowMs } },
            { upsert: true, returnDocument: "after" },
          ),
        ),
        upsert(() =>
          this.businesses.findOneAndUpdate(
            { name: businessName },
            { $setOnInsert: { business_id: newId("biz"), created_at: nowMs } },
            { upsert: true, returnDocument: "after" },
          ),
        ),
      ]);
      const { user_id } = user;
      const { business_id } = business;
      await upsert(() =>
        this.memberships.findOneAndUpdate(
          { business_id, user_id },
          { $setOnInsert: { role } },
          { upsert: true, returnDocument: "after" },
        ),
      );
      await this.sessions.insertOne({
        session_id: sessionId,
        user_id,
        business_id,
        generation: 1,
        rotated_at: nowMs,
        created_at: nowMs,
      });
      const created = await this.read(sessionId);
      if (!created) throw new Error(`Session ${sessionId} is missing after its insert`);
      return created;
    });
  }

  open({
    sessionId,
    userId,
    businessId,
    clientId,
    nowMs,
  }: OpenedSession): Promise<SessionRecord | undefined> {
    return this.store.attempt(async () => {
      const membership = await this.memberships.findOne({ business_id: businessId, user_id: userId });
      if (!membership) return undefined;
      await this.sessions.insertOne({
        session_id: sessionId,
        user_id: userId,
        business_id: businessId,
        generation: 1,
        rotated_at: nowMs,
        created_at: nowMs,
        client_id: clientId,
      });
      // A member who was removed meanwhile has no session either: it is read with the membership.
      return this.read(sessionId);
    });
  }

  async isLive(sessionId: string): Promise<boolean> {
    return (await this.live.find(sessionId)) !== undefined;
  }

  async liveRole({
    sessionId,
    businessId,
    userId,
  }: Pick<SessionRecord, "sessionId" | "businessId" | "userId">): Promise<Role | undefined> {
    const [session, membership] = await Promise.all([
      this.live.find(sessionId),
      this.roles.find(membershipKey(businessId, userId)),
    ]);
    return session?.business_id === businessId && session.user_id === userId ? membership?.role : undefined;
  }

  liveOf(businessId: string, userId: string): Promise<string[]> {
    const live = { user_id: userId, business_id: businessId, revoked_at: { $exists: false } };
    return this.store.attempt(async () => {
      const found = await this.sessions.find(live, { projection: { _id: 0, session_id: 1 } }).toArray();
      return found.map((one) => one.session_id);
    });
  }

  find(sessionId: string): Promise<SessionRecord | undefined> {
    return this.store.attempt(() => this.read(sessionId));
  }

  findMember(businessId: string, nameOrId: string): Promise<Member | undefined> {
    return this.store.attempt(async () => {
      for (const where of [{ name: nameOrId }, { user_id: nameOrId }]) {
        const user = await this.users.findOne(where);
        const { user_id, name: userName } = user ?? {};
        if (user_id === undefined || userName === undefined) continue;
        const membership = await this.memberships.findOne({ business_id: businessId, user_id });
        if (membership) return { userId: user_id, userName, role: membership.role };
      }
      return undefined;
    });
  }

  rotate(sessionId: string, generation: number, nowMs: number, since = ANY_AGE): Promise<boolean> {
    return this.store.attempt(async () => {
      const { modifiedCount } = await this.sessions.updateOne(
        {
          session_id: sessionId,
          generation,
          revoked_at: { $exists: false },
          rotated_at: { $gte: since.rotatedAtMs },
          created_at: { $gte: since.createdAtMs },
        },
        { $inc: { generation: 1 }, $set: { rotated_at: nowMs } },
      );
      return modifiedCount === 1;
    });
  }

  async revoke(sessionId: string, nowMs: number): Promise<void> {
    await this.store.attempt(() =>
      this.sessions.updateOne(
        { session_id: sessionId, revoked_at: { $exists: false } },
        { $set: { revoked_at: nowMs } },
      ),
    );
  }

  secret(name: string): Promise<Uint8Array> {
    return readSecret(this.secretRows, this.seal, name);
  }

  resealSecrets(): Promise<void> {
    return resealSecrets(this.secretRows, this.seal);
  }

  private findOrInsertSecret(name: string, fresh: Uint8Array): Promise<Uint8Array> {
    return this.store.attempt(async () => {
      const found = await upsert(() =>
        this.secrets.findOneAndUpdate(
          { name },
          { $setOnInsert: { secret: new Binary(fresh) } },
          { upsert: true, returnDocument: "after" },
        ),
      );
      return new Uint8Array(found.secret.value());
    });
  }

  private async read(sessionId: string): Promise<SessionRecord | undefined> {
    const session = await this.sessions.findOne({ session_id: sessionId });
    if (!session) return undefined;
    const { user_id, business_id } = session;
    const [user, business, membership] = await Promise.all([
      this.users.findOne({ user_id }),
      this.businesses.findOne({ business_id }),
      this.memberships.findOne({ business_id, user_id }),
    ]);
    if (!user || !business || !membership) return undefined;
    return {
      sessionId: session.session_id,
      userId: user_id,
      userName: user.name,
      businessId: business_id,
      businessName: business.name,
      role: membership.role,
      clientId: session.client_id,
      generation: session.generation,
      rotatedAtMs: session.rotated_at,
      revokedAtMs: session.revoked_at,
      createdAtMs: session.created_at,
    };
  }
}

async function upsert<T>(write: () => Promise<T | null>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      const found = await write();
      if (found) return found;
      throw new Error("The store answered an upsert with nothing");
    } catch (error) {
      if (!isDuplicateKey(error) || attempt >= MAX_UPSERT_ATTEMPTS) throw error;
    }
  }
}
