import { type Collection, type Db, type Document, type IndexDescription, MongoServerError } from "mongodb";

/** One step of the schema. The first server to start applies it, once and in order. Never edit a released step. */
export interface MongoMigration {
  /** Unique across all features, such as `job-1`. */
  id: string;
  /** Must be safe to repeat: it runs again if a server died during it. */
  apply: (db: Db) => Promise<void>;
}

interface MigrationDocument {
  _id: string;
  applied_at?: number;
  lock_owner?: string;
  lock_until?: Date;
}

const LOCK_ID = "lock";
/** How long a server that dies during a step blocks the next one. If it was only stalled, both apply the step, which is safe. */
const LOCK_MS = 10_000;
const RENEW_EVERY_MS = 3_000;
const LOOK_AGAIN_MS = 100;
/** An index over many million documents is built in the background, but a new server waits for it. */
const MAX_WAIT_MS = 30 * 60_000;

const NAMESPACE_EXISTS = 48;
const DUPLICATE_KEY = 11_000;

/** Applies the missing steps. If several servers start at the same time, one applies them and the others wait. */
export async function migrate(db: Db, migrations: readonly MongoMigration[]): Promise<void> {
  const done = db.collection<MigrationDocument>("compute_migrations");
  const deadlineMs = performance.now() + MAX_WAIT_MS;
  const owner = crypto.randomUUID();
  for (;;) {
    if ((await missing(done, migrations)).length === 0) return;
    if (await lock(done, owner)) break;
    if (performance.now() > deadlineMs) {
      throw new Error(
        "Another server has been changing the schema of the store for 30 minutes. See its log.",
      );
    }
    await Bun.sleep(LOOK_AGAIN_MS);
  }
  const renewal = setInterval(() => {
    // If a renewal fails, the next may succeed; and the steps are safe to repeat anyway.
    lock(done, owner).catch(() => undefined);
  }, RENEW_EVERY_MS);
  try {
    for (const migration of await missing(done, migrations)) {
      await migration.apply(db);
      // If this server was stalled, another may have done the same step, and said so.
      const applied = { $setOnInsert: { applied_at: Date.now() } };
      await done.updateOne({ _id: migration.id }, applied, { upsert: true });
    }
  } finally {
    clearInterval(renewal);
    await done.deleteOne({ _id: LOCK_ID, lock_owner: owner });
  }
}

/** Creates the collection if it is missing, and gives it these indexes and rules. Existing documents stay readable. */
export function collectionStep(
  id: string,
  name: string,
  indexes: IndexDescription[],
  jsonSchema?: Document,
): MongoMigration {
  return {
    id,
    async apply(db) {
      await createCollection(db, name);
      if (jsonSchema) await requireFields(db, name, jsonSchema);
      if (indexes.length > 0) await db.collection(name).createIndexes(indexes);
    },
  };
}

/** Replaces the rules for what is written to the collection from now on. */
export async function requireFields(db: Db, name: string, jsonSchema: Document): Promise<void> {
  const validator = { $jsonSchema: { bsonType: "object", ...jsonSchema } };
  await db.command({ collMod: name, validator, validationLevel: "moderate", validationAction: "error" });
}

/** Replaces an index: creates the new one, then drops the old one. */
export function replaceIndexStep(
  id: string,
  name: string,
  index: IndexDescription,
  oldIndexName: string,
  prepare?: (db: Db) => Promise<unknown>,
): MongoMigration {
  return {
    id,
    async apply(db) {
      await prepare?.(db);
      await db.collection(name).createIndexes([index]);
      await dropIndex(db, name, oldIndexName);
    },
  };
}

/** Removes an index that nothing uses any more. */
export function dropIndexStep(id: string, name: string, indexName: string): MongoMigration {
  return { id, apply: (db) => dropIndex(db, name, indexName) };
}

export async function dropIndex(db: Db, name: string, indexName: string): Promise<void> {
  const indexes = await db.collection(name).indexes();
  if (indexes.some((one) => one.name === indexName)) await db.collection(name).dropIndex(indexName);
}

async function missing(
  done: Collection<MigrationDocument>,
  migrations: readonly MongoMigration[],
): Promise<MongoMigration[]> {
  const ids = migrations.map((migration) => migration.id);
  const found = await done.find({ _id: { $in: ids } }, { projection: { _id: 1 } }).toArray();
  const applied = new Set(found.map((one) => one._id));
  return migrations.filter((migration) => !applied.has(migration.id));
}

/** Takes or extends the lock. Uses the store's clock, because the clocks of servers differ. */
async function lock(done: Collection<MigrationDocument>, owner: string): Promise<boolean> {
  const taken = [{ $set: { lock_owner: owner, lock_until: { $add: ["$$NOW", LOCK_MS] } } }];
  const mine = { $or: [{ lock_owner: owner }, { $expr: { $lt: ["$lock_until", "$$NOW"] } }] };
  const { matchedCount } = await done.updateOne({ _id: LOCK_ID, ...mine }, taken);
  if (matchedCount === 1) return true;
  try {
    await done.updateOne({ _id: LOCK_ID, lock_owner: { $exists: false } }, taken, { upsert: true });
    return true;
  } catch (error) {
    // Another server holds the lock, so the upsert tried to insert a second one.
    if (error instanceof MongoServerError && error.code === DUPLICATE_KEY) return false;
    throw error;
  }
}

async function createCollection(db: Db, name: string): Promise<void> {
  try {
    await db.createCollection(name);
  } catch (error) {
    if (!(error instanceof MongoServerError && error.code === NAMESPACE_EXISTS)) throw error;
  }
}
