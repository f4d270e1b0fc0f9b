import type { ClientSession, Collection, Filter } from "mongodb";
import { isFasterElsewhere, type MongoStore } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import type { AuditHead, AuditQuery, AuditRow, AuditStore } from "./audit-store.ts";

interface HeadDocument {
  business_id: string;
  seq: number;
  hash: string;
  base_seq: number;
  base_hash: string;
  seal: string;
}

interface RowDocument {
  business_id: string;
  seq: number;
  at: number;
  event: string;
  user_id?: string;
  entry: string;
  hash: string;
}

export const auditSteps = [
  collectionStep("audit-heads-1", "compute_audit_heads", [{ key: { business_id: 1 }, unique: true }]),
  collectionStep("audit-1", "compute_audit", [
    { key: { business_id: 1, seq: 1 }, unique: true },
    { key: { business_id: 1, event: 1, seq: 1 } },
    { key: { business_id: 1, user_id: 1, seq: 1 } },
  ]),
];

const WITHOUT_ID = { projection: { _id: 0 } } as const;

export class MongoAuditStore implements AuditStore {
  private readonly headDocuments: Collection<HeadDocument>;
  private readonly rowDocuments: Collection<RowDocument>;

  constructor(private readonly store: MongoStore) {
    this.headDocuments = store.collection("compute_audit_heads");
    this.rowDocuments = store.collection("compute_audit");
  }

  head(businessId: string): Promise<AuditHead | undefined> {
    return this.store.attempt(async () => {
      const found = await this.headDocuments.findOne({ business_id: businessId }, WITHOUT_ID);
      return found ? headFrom(found) : undefined;
    });
  }

  append(before: AuditHead | undefined, rows: readonly AuditRow[], head: AuditHead): Promise<boolean> {
    return this.replacing(before, head, async (session) => {
      await this.rowDocuments.insertMany(rows.map(rowDocument), { session });
    });
  }

  cut(before: AuditHead, head: AuditHead): Promise<boolean> {
    return this.replacing(before, head, async (session) => {
      const where = { business_id: head.businessId, seq: { $lte: head.baseSeq } };
      await this.rowDocuments.deleteMany(where, { session });
    });
  }

  list(query: AuditQuery): Promise<AuditRow[]> {
    const { businessId, beforeSeq, sinceMs, untilMs, event, userId, limit } = query;
    const where: Filter<RowDocument> = {
      business_id: businessId,
      ...(beforeSeq !== undefined && { seq: { $lt: beforeSeq } }),
      ...((sinceMs ?? untilMs) !== undefined && {
        at: {
          ...(sinceMs !== undefined && { $gte: sinceMs }),
          ...(untilMs !== undefined && { $lte: untilMs }),
        },
      }),
      ...(event !== undefined && { event }),
      ...(userId !== undefined && { user_id: userId }),
    };
    return this.rows(where, -1, limit);
  }

  chain(businessId: string, afterSeq: number, limit: number): Promise<AuditRow[]> {
    return this.rows({ business_id: businessId, seq: { $gt: afterSeq } }, 1, limit);
  }

  heads(afterBusinessId: string | undefined, limit: number): Promise<AuditHead[]> {
    return this.store.attempt(async () => {
      const where = { business_id: { $gt: afterBusinessId ?? "" } };
      const found = await this.headDocuments
        .find(where, WITHOUT_ID)
        .sort({ business_id: 1 })
        .limit(limit)
        .toArray();
      return found.map(headFrom);
    });
  }

  private rows(where: Filter<RowDocument>, order: 1 | -1, limit: number): Promise<AuditRow[]> {
    return this.store.attempt(async () => {
      const found = await this.rowDocuments
        .find(where, WITHOUT_ID)
        .sort({ seq: order })
        .limit(limit)
        .toArray();
      return found.map(rowFrom);
    });
  }

  /** Replaces the head and runs `body`, both or neither; false if the head is not `before`. */
  private replacing(
    before: AuditHead | undefined,
    head: AuditHead,
    body: (session: ClientSession) => Promise<void>,
  ): Promise<boolean> {
    const document = headDocument(head);
    const change = () =>
      this.store.transaction(async (session) => {
        if (before === undefined) await this.headDocuments.insertOne(document, { session });
        else {
          const where = { business_id: head.businessId, seal: before.seal };
          const { matchedCount } = await this.headDocuments.replaceOne(where, document, { session });
          if (matchedCount === 0) return false;
        }
        await body(session);
        return true;
      });
    return this.store.attempt(async () => {
      try {
        return await change();
      } catch (error) {
        if (isFasterElsewhere(error)) return false;
        throw error;
      }
    });
  }
}

function headDocument({ businessId, seq, hash, baseSeq, baseHash, seal }: AuditHead): HeadDocument {
  return { business_id: businessId, seq, hash, base_seq: baseSeq, base_hash: baseHash, seal };
}

function headFrom({ business_id, base_seq, base_hash, ...head }: HeadDocument): AuditHead {
  return { businessId: business_id, baseSeq: base_seq, baseHash: base_hash, ...head };
}

function rowDocument({ businessId, atMs, userId, ...row }: AuditRow): RowDocument {
  return { business_id: businessId, at: atMs, ...row, ...(userId !== undefined && { user_id: userId }) };
}

function rowFrom({ business_id, at, user_id, ...row }: RowDocument): AuditRow {
  return { businessId: business_id, atMs: at, userId: user_id, ...row };
}
