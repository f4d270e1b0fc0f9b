import type { ClientSession, Collection, Filter } from "mongodb";
import type { TrashKind } from "../../shared/trash.ts";
import { isDuplicateKey, type MongoStore, outlastOthers } from "../store/mongo.ts";
import { collectionStep } from "../store/mongo-migrations.ts";
import {
  type IntoTrash,
  type Move,
  type MovedKind,
  type RestoreOutcome,
  type TrashRecord,
  type TrashStore,
  tablesOf,
} from "./trash-store.ts";

interface TrashDocument {
  trash_id: string;
  business_id: string;
  kind: TrashKind;
  user_id: string;
  items: string[];
  name?: string;
  deleted_at: number;
  expires_at: number;
}

/** The fields of a job that are read here. */
interface KeyedJob {
  business_id: string;
  user_id: string;
  idempotency_key?: string;
  batch_key?: string;
}

export const trashSteps = [
  collectionStep("trash-1", "compute_trash", [
    { key: { trash_id: 1 }, unique: true },
    { key: { business_id: 1, trash_id: 1 } },
    { key: { business_id: 1, kind: 1 } },
    { key: { expires_at: 1 } },
  ]),
];

function trashDocument(
  businessId: string,
  kind: TrashKind,
  items: readonly string[],
  { trashId, userId, name, deletedAtMs, expiresAtMs }: IntoTrash,
): TrashDocument {
  return {
    trash_id: trashId,
    business_id: businessId,
    kind,
    user_id: userId,
    items: [...items],
    ...(name !== undefined && { name }),
    deleted_at: deletedAtMs,
    expires_at: expiresAtMs,
  };
}

/** Moves documents of a kind out of the business and into the entry, or back. */
async function moveDocuments(
  store: MongoStore,
  session: ClientSession,
  kind: MovedKind,
  ids: readonly string[],
  { from, to }: Move,
): Promise<void> {
  const { tables, column } = tablesOf[kind];
  for (const table of tables) {
    const where = { [column]: { $in: ids }, business_id: from };
    await store.collection(table).updateMany(where, { $set: { business_id: to } }, { session });
  }
}

/** Moves these documents of the business into an entry of their own, in the transaction that deletes. */
export async function putInTrash(
  store: MongoStore,
  session: ClientSession,
  businessId: string,
  kind: MovedKind,
  items: readonly string[],
  into: IntoTrash,
): Promise<void> {
  await entriesOf(store).insertOne(trashDocument(businessId, kind, items, into), { session });
  await moveDocuments(store, session, kind, items, { from: businessId, to: into.trashId });
}

/** The same for artifacts, which become drafts that expire with the entry. Resolves with the ids of those that existed. */
export async function putArtifactsInTrash(
  store: MongoStore,
  session: ClientSession,
  businessId: string,
  artifactIds: readonly string[],
  into: IntoTrash,
): Promise<string[]> {
  const artifacts = store.collection<{ artifact_id: string; business_id: string; live: number }>(
    "compute_artifacts",
  );
  const where = { artifact_id: { $in: [...artifactIds] }, business_id: businessId, live: 1 };
  const found = await artifacts.find(where, { session }).toArray();
  const ids = found.map(({ artifact_id }) => artifact_id);
  if (ids.length === 0) return ids;
  const change = [
    { $set: { live: 0, trashed_expires_at: { $ifNull: ["$expires_at", "$$REMOVE"] } } },
    { $set: { expires_at: into.expiresAtMs } },
  ];
  await artifacts.updateMany({ ...where, artifact_id: { $in: ids } }, change, { session });
  await entriesOf(store).insertOne(trashDocument(businessId, "artifacts", ids, into), { session });
  return ids;
}

/** Adds a job to the entry, which all jobs that one call deletes share, and moves it with the jobs of its array. */
export async function putJobsInTrash(
  store: MongoStore,
  session: ClientSession,
  businessId: string,
  [jobId, ...ofArray]: readonly [string, ...string[]],
  into: IntoTrash,
): Promise<void> {
  const { items: _, ...entry } = trashDocument(businessId, "jobs", [], into);
  const change = { $setOnInsert: entry, $push: { items: jobId } };
  await entriesOf(store).updateOne({ trash_id: into.trashId }, change, { upsert: true, session });
  const move = { from: businessId, to: into.trashId };
  await moveDocuments(store, session, "jobs", [jobId, ...ofArray], move);
}

/** Whether the trash has secrets of the business; their data key must stay. */
export async function hasTrashedSecrets(
  store: MongoStore,
  session: ClientSession,
  businessId: string,
): Promise<boolean> {
  return (await entriesOf(store).findOne({ business_id: businessId, kind: "secrets" }, { session })) !== null;
}

/** Deletes the secrets of the business that are in the trash for good. */
export async function dropTrashedSecrets(
  store: MongoStore,
  session: ClientSession,
  businessId: string,
): Promise<void> {
  const where = { business_id: businessId, kind: "secrets" } as const;
  const found = await entriesOf(store).find(where, { session }).toArray();
  const ids = found.map(({ trash_id }) => trash_id);
  await entriesOf(store).deleteMany({ trash_id: { $in: ids } }, { session });
  await store.collection("compute_job_secrets").deleteMany({ business_id: { $in: ids } }, { session });
}

function entriesOf(store: MongoStore): Collection<TrashDocument> {
  return store.collection("compute_trash");
}

export class MongoTrashStore implements TrashStore {
  private readonly entries: Collection<TrashDocument>;

  constructor(private readonly store: MongoStore) {
    this.entries = entriesOf(store);
  }

  list(businessId: string, beforeTrashId: string | undefined, limit: number): Promise<TrashRecord[]> {
    const before = beforeTrashId === undefined ? {} : { trash_id: { $lt: beforeTrashId } };
    return this.read({ business_id: businessId, ...before }, { trash_id: -1 }, limit);
  }

  async find(businessId: string, trashId: string): Promise<TrashRecord | undefined> {
    return (await this.read({ business_id: businessId, trash_id: trashId }, { trash_id: 1 }, 1))[0];
  }

  restore(businessId: string, trashId: string): Promise<RestoreOutcome> {
    const body = () =>
      this.store.transaction(async (session): Promise<RestoreOutcome> => {
        const where = { business_id: businessId, trash_id: trashId };
        const found = await this.entries.findOneAndDelete(where, { session });
        if (!found) return "missing";
        if (found.kind === "artifacts") await this.restoreArtifacts(found, session);
        else await this.giveBack(found, found.kind, session);
        return "restored";
      });
    return this.store.attempt(async () => {
      try {
        return await outlastOthers(body);
      } catch (error) {
        if (isDuplicateKey(error)) return "taken";
        throw error;
      }
    });
  }

  expired(nowMs: number, limit: number): Promise<TrashRecord[]> {
    return this.read({ expires_at: { $lte: nowMs } }, { expires_at: 1 }, limit);
  }

  async forget(trashId: string): Promise<void> {
    await this.store.attempt(() => this.entries.deleteOne({ trash_id: trashId }));
  }

  private async giveBack(
    { business_id, trash_id, items }: TrashDocument,
    kind: MovedKind,
    session: ClientSession,
  ): Promise<void> {
    let ids = items;
    if (kind === "jobs") {
      await this.forgetUsedKeys(business_id, trash_id, session);
      // The items, and the jobs of arrays among them.
      const taken = this.store
        .collection<{ job_id: string; business_id: string }>("compute_jobs")
        .find({ business_id: trash_id }, { session, projection: { _id: 0, job_id: 1 } });
      ids = (await taken.toArray()).map(({ job_id }) => job_id);
    }
    await moveDocuments(this.store, session, kind, ids, { from: trash_id, to: business_id });
  }

  /** A key that was used again belongs to the newer job. */
  private async forgetUsedKeys(businessId: string, trashId: string, session: ClientSession): Promise<void> {
    const jobs = this.store.collection<KeyedJob>("compute_jobs");
    for (const field of ["idempotency_key", "batch_key"] as const) {
      const where = { business_id: trashId, [field]: { $exists: true } };
      for await (const { _id, user_id, [field]: key } of jobs.find(where, { session })) {
        const newer = { business_id: businessId, user_id, [field]: key };
        if (await jobs.findOne(newer, { session }))
          await jobs.updateOne({ _id }, { $unset: { [field]: true } }, { session });
      }
    }
  }

  private async restoreArtifacts(
    { business_id, items }: TrashDocument,
    session: ClientSession,
  ): Promise<void> {
    const artifacts = this.store.collection("compute_artifacts");
    await artifacts.updateMany(
      { artifact_id: { $in: [...items] }, business_id },
      [
        { $set: { live: 1, expires_at: { $ifNull: ["$trashed_expires_at", "$$REMOVE"] } } },
        { $unset: "trashed_expires_at" },
      ],
      { session },
    );
  }

  private read(
    where: Filter<TrashDocument>,
    sort: Readonly<Record<string, 1 | -1>>,
    limit: number,
  ): Promise<TrashRecord[]> {
    return this.store.attempt(async () =>
      (await this.entries.find(where).sort(sort).limit(limit).toArray()).map(recordFrom),
    );
  }
}

function recordFrom(found: TrashDocument): TrashRecord {
  return {
    trashId: found.trash_id,
    businessId: found.business_id,
    kind: found.kind,
    userId: found.user_id,
    items: found.items,
    name: found.name,
    deletedAtMs: found.deleted_at,
    expiresAtMs: found.expires_at,
  };
}
