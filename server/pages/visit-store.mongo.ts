import type { Collection } from "mongodb";
import type { MongoStore } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { BrowserSession, LinkPurpose, OneTimeLink, VisitStore } from "./visit-store.ts";

interface SessionDocument {
  session_id: string;
  token_hash: string;
  user_id: string;
  created_at: number;
  used_at: number;
  expires_at: number;
  from_address?: string;
  agent?: string;
}
interface LinkDocument {
  token_hash: string;
  purpose: LinkPurpose;
  user_id?: string;
  expires_at: number;
}

export const visitSteps = [
  collectionStep("visit-1", "compute_browser_sessions", [
    { key: { session_id: 1 }, unique: true },
    { key: { token_hash: 1 }, unique: true },
    { key: { user_id: 1 } },
    { key: { expires_at: 1 } },
  ]),
  collectionStep("visit-2", "compute_one_time_links", [
    { key: { token_hash: 1 }, unique: true },
    { key: { expires_at: 1 } },
  ]),
];

export class MongoVisitStore implements VisitStore {
  private readonly sessions: Collection<SessionDocument>;
  private readonly links: Collection<LinkDocument>;

  constructor(private readonly store: MongoStore) {
    this.sessions = store.collection("compute_browser_sessions");
    this.links = store.collection("compute_one_time_links");
  }

  async open(session: BrowserSession, tokenHash: string): Promise<void> {
    const document: SessionDocument = {
      session_id: session.sessionId,
      token_hash: tokenHash,
      user_id: session.userId,
      created_at: session.createdAtMs,
      used_at: session.usedAtMs,
      expires_at: session.expiresAtMs,
      ...(session.from !== undefined && { from_address: session.from }),
      ...(session.agent !== undefined && { agent: session.agent }),
    };
    await this.store.attempt(() => this.sessions.insertOne({ ...document }));
  }

  find(tokenHash: string, nowMs: number): Promise<BrowserSession | undefined> {
    return this.store.attempt(async () => {
      const found = await this.sessions.findOne({ token_hash: tokenHash, expires_at: { $gt: nowMs } });
      return found ? sessionFrom(found) : undefined;
    });
  }

  async use(sessionId: string, usedAtMs: number, expiresAtMs: number): Promise<void> {
    const change = { $set: { used_at: usedAtMs, expires_at: expiresAtMs } };
    await this.store.attempt(() => this.sessions.updateOne({ session_id: sessionId }, change));
  }

  list(userId: string, nowMs: number, limit: number): Promise<BrowserSession[]> {
    const where = { user_id: userId, expires_at: { $gt: nowMs } };
    const order = { created_at: -1, session_id: -1 } as const;
    return this.store.attempt(async () =>
      (await this.sessions.find(where).sort(order).limit(limit).toArray()).map(sessionFrom),
    );
  }

  end(userId: string, sessionId: string): Promise<boolean> {
    const where = { session_id: sessionId, user_id: userId };
    return this.store.attempt(async () => (await this.sessions.deleteOne(where)).deletedCount === 1);
  }

  async endOthers(userId: string, sessionId: string): Promise<void> {
    const where = { user_id: userId, session_id: { $ne: sessionId } };
    await this.store.attempt(() => this.sessions.deleteMany(where));
  }

  async makeLink({ tokenHash, purpose, userId, expiresAtMs }: OneTimeLink): Promise<void> {
    const whose = userId === undefined ? {} : { user_id: userId };
    const document: LinkDocument = { token_hash: tokenHash, purpose, ...whose, expires_at: expiresAtMs };
    await this.store.attempt(() => this.links.insertOne({ ...document }));
  }

  link(tokenHash: string, nowMs: number): Promise<OneTimeLink | undefined> {
    return this.store.attempt(async () => {
      const found = await this.links.findOne({ token_hash: tokenHash, expires_at: { $gt: nowMs } });
      return found ? linkFrom(found) : undefined;
    });
  }

  takeLink(tokenHash: string, nowMs: number): Promise<OneTimeLink | undefined> {
    const where = { token_hash: tokenHash, expires_at: { $gt: nowMs } };
    return this.store.attempt(async () => {
      const found = await this.links.findOneAndDelete(where);
      return found ? linkFrom(found) : undefined;
    });
  }

  async removeExpired(nowMs: number, limit: number): Promise<number> {
    const where = { expires_at: { $lte: nowMs } };
    return this.store.attempt(async () => {
      let removed = 0;
      for (const collection of [this.sessions, this.links] as unknown as Collection[]) {
        const found = await collection
          .find(where, { projection: { _id: 1 } })
          .limit(limit)
          .toArray();
        const ids = { _id: { $in: found.map(({ _id }) => _id) } };
        removed += (await collection.deleteMany(ids)).deletedCount;
      }
      return removed;
    });
  }
}

function sessionFrom(document: SessionDocument): BrowserSession {
  return {
    sessionId: document.session_id,
    userId: document.user_id,
    createdAtMs: document.created_at,
    usedAtMs: document.used_at,
    expiresAtMs: document.expires_at,
    from: document.from_address,
    agent: document.agent,
  };
}

function linkFrom(document: LinkDocument): OneTimeLink {
  return {
    tokenHash: document.token_hash,
    purpose: document.purpose,
    userId: document.user_id,
    expiresAtMs: document.expires_at,
  };
}
