import { type ClientSession, type Collection, MongoServerError } from "mongodb";
import type { Role } from "../../shared/auth.ts";
import { newId } from "../../shared/ids.ts";
import { isDuplicateKey, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type {
  BusinessRecord,
  MembershipOutcome,
  MembershipRecord,
  NewPerson,
  PersonRecord,
  PersonStore,
} from "./person-store.ts";

interface UserDocument {
  user_id: string;
  name: string;
  email?: string;
  password_hash?: string;
  password_set_at?: number;
  created_at: number;
}
interface BusinessDocument {
  business_id: string;
  name: string;
  created_at: number;
  /** Counts the changes of roles, so that of two transactions on one business the second has to begin again. */
  role_changes?: number;
}
interface MembershipDocument {
  business_id: string;
  user_id: string;
  role: Role;
}
interface SessionDocument {
  user_id: string;
  business_id: string;
  revoked_at?: number;
}

/** They follow those of the session store, whose collections they extend. */
export const personSteps = [
  collectionStep("person-1", "compute_users", [
    { key: { email: 1 }, unique: true, partialFilterExpression: { email: { $exists: true } } },
    { key: { password_set_at: 1 }, sparse: true },
  ]),
  collectionStep("person-2", "compute_memberships", [
    { key: { user_id: 1, business_id: 1 } },
    { key: { business_id: 1, role: 1 } },
  ]),
  collectionStep("person-3", "compute_sessions", [{ key: { user_id: 1, business_id: 1 } }]),
];

export class MongoPersonStore implements PersonStore {
  private readonly users: Collection<UserDocument>;
  private readonly businesses: Collection<BusinessDocument>;
  private readonly teams: Collection<MembershipDocument>;
  private readonly sessions: Collection<SessionDocument>;

  constructor(private readonly store: MongoStore) {
    this.users = store.collection("compute_users");
    this.businesses = store.collection("compute_businesses");
    this.teams = store.collection("compute_memberships");
    this.sessions = store.collection("compute_sessions");
  }

  create(person: NewPerson): Promise<"created" | "name-taken" | "email-taken"> {
    const { userId, userName, email, passwordHash, nowMs } = person;
    return this.store.attempt(async () => {
      try {
        await this.users.insertOne({
          user_id: userId,
          name: userName,
          ...(email !== undefined && { email }),
          ...(passwordHash !== undefined && { password_hash: passwordHash, password_set_at: nowMs }),
          created_at: nowMs,
        });
        return "created";
      } catch (error) {
        if (!isDuplicateKey(error)) throw error;
        return isTaken(error, "email") ? "email-taken" : "name-taken";
      }
    });
  }

  find(userId: string): Promise<PersonRecord | undefined> {
    return this.where({ user_id: userId });
  }

  findByEmail(email: string): Promise<PersonRecord | undefined> {
    return this.where({ email });
  }

  setEmail(userId: string, email: string): Promise<boolean> {
    return this.store.attempt(async () => {
      try {
        await this.users.updateOne({ user_id: userId }, { $set: { email } });
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });
  }

  async setPassword(userId: string, passwordHash: string, nowMs: number): Promise<void> {
    const change = { $set: { password_hash: passwordHash, password_set_at: nowMs } };
    await this.store.attempt(() => this.users.updateOne({ user_id: userId }, change));
  }

  anyoneHasPassword(): Promise<boolean> {
    const where = { password_set_at: { $gte: 0 } };
    const projection = { _id: 0, password_set_at: 1 };
    return this.store.attempt(async () => (await this.users.findOne(where, { projection })) !== null);
  }

  business(businessName: string, nowMs: number): Promise<BusinessRecord> {
    return this.store.attempt(async () => {
      const insert = { $setOnInsert: { business_id: newId("biz"), created_at: nowMs } };
      // Of two servers that insert the same name, one gets an error; its next try finds the business.
      const found = await outlastOthers(
        () =>
          this.businesses.findOneAndUpdate({ name: businessName }, insert, {
            upsert: true,
            returnDocument: "after",
          }),
        isDuplicateKey,
      );
      if (!found) throw new Error("The store answered an upsert with nothing");
      return { businessId: found.business_id, businessName: found.name };
    });
  }

  memberships(userId: string): Promise<MembershipRecord[]> {
    return this.store.attempt(async () => {
      const found = await this.named(await this.teams.find({ user_id: userId }).toArray());
      return found.sort((a, b) => (a.businessName < b.businessName ? -1 : 1));
    });
  }

  membership(businessId: string, userId: string): Promise<MembershipRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.teams.findOne({ business_id: businessId, user_id: userId });
      return found ? (await this.named([found]))[0] : undefined;
    });
  }

  members(businessId: string, afterUserId: string | undefined, limit: number): Promise<MembershipRecord[]> {
    return this.store.attempt(async () => {
      const where = { business_id: businessId, user_id: { $gt: afterUserId ?? "" } };
      return this.named(await this.teams.find(where).sort({ user_id: 1 }).limit(limit).toArray());
    });
  }

  join(businessId: string, userId: string, role: Role): Promise<boolean> {
    return this.store.attempt(async () => {
      try {
        await this.teams.insertOne({ business_id: businessId, user_id: userId, role });
        return true;
      } catch (error) {
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    });
  }

  changeRole(businessId: string, userId: string, role: Role): Promise<MembershipOutcome> {
    return this.changeTeam(businessId, async (session) => {
      if (role !== "owner" && (await this.isLastOwner(businessId, userId, session))) return "last-owner";
      const where = { business_id: businessId, user_id: userId };
      const { matchedCount } = await this.teams.updateOne(where, { $set: { role } }, { session });
      return matchedCount === 1 ? "changed" : "missing";
    });
  }

  leave(businessId: string, userId: string, nowMs: number): Promise<MembershipOutcome> {
    return this.changeTeam(businessId, async (session) => {
      if (await this.isLastOwner(businessId, userId, session)) return "last-owner";
      const where = { business_id: businessId, user_id: userId };
      if ((await this.teams.deleteOne(where, { session })).deletedCount === 0) return "missing";
      await this.sessions.updateMany(
        { user_id: userId, business_id: businessId, revoked_at: { $exists: false } },
        { $set: { revoked_at: nowMs } },
        { session },
      );
      return "changed";
    });
  }

  /** Runs one change at a time in each business, so that two owners cannot both leave because the other stays. */
  private changeTeam<T>(businessId: string, change: (session: ClientSession) => Promise<T>): Promise<T> {
    const body = async (session: ClientSession) => {
      await this.businesses.updateOne(
        { business_id: businessId },
        { $inc: { role_changes: 1 } },
        { session },
      );
      return change(session);
    };
    return this.store.attempt(() => outlastOthers(() => this.store.transaction(body)));
  }

  private async isLastOwner(businessId: string, userId: string, session: ClientSession): Promise<boolean> {
    const where = { business_id: businessId, role: "owner" as const };
    const owners = await this.teams.find(where, { session }).limit(2).toArray();
    return owners.length === 1 && owners[0]?.user_id === userId;
  }

  /** In the same order, with the names of the people and businesses. */
  private async named(found: readonly MembershipDocument[]): Promise<MembershipRecord[]> {
    const userIds = [...new Set(found.map((one) => one.user_id))];
    const businessIds = [...new Set(found.map((one) => one.business_id))];
    const [users, businesses] = await Promise.all([
      this.users.find({ user_id: { $in: userIds } }).toArray(),
      this.businesses.find({ business_id: { $in: businessIds } }).toArray(),
    ]);
    const userOf = new Map(users.map((user) => [user.user_id, user]));
    const businessOf = new Map(businesses.map((business) => [business.business_id, business]));
    return found.flatMap(({ business_id, user_id, role }) => {
      const user = userOf.get(user_id);
      const business = businessOf.get(business_id);
      if (!user || !business) return [];
      return [
        {
          businessId: business_id,
          businessName: business.name,
          userId: user_id,
          userName: user.name,
          ...(user.email !== undefined && { email: user.email }),
          role,
        },
      ];
    });
  }

  private where(where: { user_id: string } | { email: string }): Promise<PersonRecord | undefined> {
    return this.store.attempt(async () => {
      const found = await this.users.findOne(where);
      if (!found) return undefined;
      return {
        userId: found.user_id,
        userName: found.name,
        ...(found.email !== undefined && { email: found.email }),
        ...(found.password_hash !== undefined && { passwordHash: found.password_hash }),
        ...(found.password_set_at !== undefined && { passwordSetAtMs: found.password_set_at }),
        createdAtMs: found.created_at,
      };
    });
  }
}

function isTaken(error: unknown, field: string): boolean {
  return error instanceof MongoServerError && Object.hasOwn(error.errorResponse.keyPattern ?? {}, field);
}
