import {
  type ClientSession,
  type Collection,
  type Db,
  type Document,
  MongoBulkWriteError,
  MongoClient,
  MongoError,
  MongoServerError,
} from "mongodb";
import { ComputeError } from "../../shared/errors.ts";
import { letOthersGo, withLimit } from "../../shared/wait.ts";
import { AbandonedTransactions, APP_NAME } from "./abandoned-transactions.mongo.ts";
import { DatabaseClock } from "./database-clock.ts";
import { type MongoMigration, migrate } from "./mongo-migrations.ts";

const DEFAULT_DATABASE = "tanvrit_compute";
const SERVER_SELECTION_MS = 5_000;
const CONNECT_MS = 5_000;
/**
 * How often the driver checks each member. A member silent for this plus CONNECT_MS is given up, with all requests to it.
 * That is before the other members elect a new primary (after 10 s by default).
 */
const HEARTBEAT_MS = 2_000;
/** Limit for the answer to one request. */
const SOCKET_MS = 20_000;
/** Limit for a whole operation, which may be several requests. */
const ATTEMPT_MS = 30_000;
/** A write that has not reached a majority by then counts as failed. */
const MAJORITY_MS = 10_000;
/** How long to ask for the outcome of a transaction whose answer was lost. */
const COMMIT_MS = 10_000;
const COMMIT_RETRY_MS = 20;
const PING_MS = 2_000;
const MAX_CONNECTIONS = 64;

const DUPLICATE_KEY = 11_000;
/** Error codes of a member that is not, or no longer, the primary. The members elect another. */
const NO_PRIMARY = new Set([189, 10_107, 11_602, 13_435, 13_436]);

/**
 * The store that several servers share: a MongoDB replica set. An acknowledged write is on a majority of its members, and
 * reads return what a majority has. If the answer to a write is lost, the driver repeats it without applying it twice.
 */
export class MongoStore {
  /** The primary's time. */
  readonly clock = new DatabaseClock(() => this.time());
  private readonly abandoned: AbandonedTransactions;

  private constructor(
    private readonly client: MongoClient,
    readonly db: Db,
  ) {
    this.abandoned = new AbandonedTransactions(client);
  }

  /**
   * @param url a MongoDB connection string with the members, the database, the account and TLS. Rejects with
   * BadStoreUrlError if it is not a connection string.
   */
  static async open(url: string, migrations: readonly MongoMigration[]): Promise<MongoStore> {
    const { client, db } = prepare(url);
    try {
      const hello = await db.command({ hello: 1 });
      if (hello.setName === undefined && hello.msg !== "isdbgrid") throw notReplicated();
      await outlastOthers(() => migrate(db, migrations), isWithoutPrimary);
      const store = new MongoStore(client, db);
      await store.clock.look();
      return store;
    } catch (error) {
      await client.close();
      throw storageError(error);
    }
  }

  collection<T extends Document>(name: string): Collection<T> {
    return this.db.collection<T>(name);
  }

  /**
   * The collection as its primary has it, without waiting for a majority: for writes that are made again if they are lost,
   * and for reads that must see them.
   */
  preparing<T extends Document>(name: string): Collection<T> {
    return this.db.collection<T>(name, { writeConcern: { w: 1 }, readConcern: { level: "local" } });
  }

  /**
   * Runs `body`. If the store rejects it or does not answer, throws `storage_failed`. Every request has its own time limit
   * in the driver, but if all members disappear at the same moment, the driver may lose a request for good.
   */
  async attempt<T>(body: () => Promise<T>, limitMs = ATTEMPT_MS): Promise<T> {
    try {
      return await withLimit(limitMs, body(), () => silent(limitMs));
    } catch (error) {
      throw storageError(error);
    }
  }

  /**
   * Runs `body` once, in one transaction. Throws the driver's errors. If `isContention` is true for an error, nothing was
   * applied and the caller may try again.
   */
  async transaction<T>(body: (session: ClientSession) => Promise<T>): Promise<T> {
    const session = this.client.startSession();
    try {
      session.startTransaction({ readConcern: { level: "snapshot" }, writeConcern: { w: "majority" } });
      const result = await body(session);
      await commit(session);
      return result;
    } finally {
      // Also aborts a transaction that is still open, in MongoDB too.
      await session.endSession();
    }
  }

  /** Releases what servers that died still hold locked. */
  endAbandoned(): Promise<void> {
    return this.attempt(() => this.abandoned.end());
  }

  async isReady(): Promise<boolean> {
    try {
      await this.db.command({ ping: 1 }, { timeoutMS: PING_MS });
      return true;
    } catch {
      // Any failure means that it is not ready.
      return false;
    }
  }

  /** Epoch milliseconds. */
  private async time(): Promise<number> {
    const { localTime } = await this.db.command({ hello: 1 }, { timeoutMS: PING_MS });
    return (localTime as Date).getTime();
  }

  async close(): Promise<void> {
    await this.client.close();
  }
}

/** The driver rejects the store URL. */
export class BadStoreUrlError extends Error {
  override name = "BadStoreUrlError";

  constructor(cause: unknown) {
    const said = cause instanceof Error ? cause.message : "";
    // Show only plain words: if the driver quotes a part of the URL, that may be part of the password.
    super(/^[\w ,.()'-]+$/.test(said) ? said : "it is not a MongoDB connection string", { cause });
  }
}

/** A document changed between reading it and writing it. */
export class ContentionError extends Error {
  override name = "ContentionError";
}

/** How long to keep retrying a change that others keep beating. */
const MAX_CONTENTION_MS = 10_000;

/**
 * Retries `body` for a limited time while other writers are faster. `mayPass` returns whether an error means that nothing
 * was applied and another try may succeed.
 */
export async function outlastOthers<T>(
  body: () => Promise<T>,
  mayPass: (error: unknown) => boolean = isContention,
): Promise<T> {
  const deadlineMs = performance.now() + MAX_CONTENTION_MS;
  for (;;) {
    try {
      return await body();
    } catch (error) {
      if (!mayPass(error) || performance.now() > deadlineMs) throw error;
    }
    await letOthersGo();
  }
}

/** Another writer was faster, or inserted the same unique id or name first. */
export function isFasterElsewhere(error: unknown): boolean {
  return isContention(error) || isDuplicateKey(error);
}

/** Another writer was faster, and nothing was applied. */
export function isContention(error: unknown): boolean {
  if (error instanceof ContentionError) return true;
  return error instanceof MongoError && error.hasErrorLabel("TransientTransactionError");
}

export function isDuplicateKey(error: unknown): boolean {
  return error instanceof MongoServerError && error.code === DUPLICATE_KEY;
}

function isWithoutPrimary(error: unknown): boolean {
  return error instanceof MongoServerError && NO_PRIMARY.has(Number(error.code));
}

/**
 * The indexes of the documents in an unordered `insertMany` whose key already existed; the other documents are stored.
 * Undefined if the insert failed for any other reason.
 */
export function duplicatesIn(error: unknown): number[] | undefined {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError()) return undefined;
  const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  if (errors.length === 0 || errors.some((one) => one.code !== DUPLICATE_KEY)) return undefined;
  return errors.map((one) => one.index);
}

/** The update that sets these fields; fields that are undefined are removed. */
export function setAndUnset(fields: Readonly<Record<string, unknown>>): {
  $set: Record<string, unknown>;
  $unset: Record<string, "">;
} {
  const $set: Record<string, unknown> = {};
  const $unset: Record<string, ""> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) $unset[name] = "";
    else $set[name] = value;
  }
  return { $set, $unset };
}

/** Connects to nothing yet. */
function prepare(url: string): { client: MongoClient; db: Db } {
  try {
    const client = new MongoClient(url, {
      appName: APP_NAME,
      serverSelectionTimeoutMS: SERVER_SELECTION_MS,
      connectTimeoutMS: CONNECT_MS,
      heartbeatFrequencyMS: HEARTBEAT_MS,
      socketTimeoutMS: SOCKET_MS,
      waitQueueTimeoutMS: SOCKET_MS,
      maxPoolSize: MAX_CONNECTIONS,
      retryWrites: true,
      retryReads: true,
      ignoreUndefined: true,
      readPreference: "primary",
      readConcern: { level: "majority" },
      writeConcern: { w: "majority", wtimeoutMS: MAJORITY_MS },
    });
    return { client, db: client.db(databaseIn(url)) };
  } catch (error) {
    throw new BadStoreUrlError(error);
  }
}

function silent(limitMs: number): ComputeError {
  return new ComputeError("storage_failed", `The database did not answer within ${limitMs / 1_000} s.`);
}

/** Commits, and repeats that until the outcome is known. */
async function commit(session: ClientSession): Promise<void> {
  const deadlineMs = performance.now() + COMMIT_MS;
  for (;;) {
    try {
      await session.commitTransaction();
      return;
    } catch (error) {
      const isUnknown = error instanceof MongoError && error.hasErrorLabel("UnknownTransactionCommitResult");
      if (!isUnknown || performance.now() > deadlineMs) throw error;
      await Bun.sleep(COMMIT_RETRY_MS);
    }
  }
}

function storageError(error: unknown): unknown {
  if (error instanceof ContentionError || error instanceof MongoError) {
    return new ComputeError("storage_failed", `MongoDB failed: ${error.message}`, { cause: error });
  }
  return error;
}

function databaseIn(url: string): string {
  const path = /^mongodb(?:\+srv)?:\/\/[^/]+\/([^?]+)/.exec(url)?.[1];
  return path ? decodeURIComponent(path) : DEFAULT_DATABASE;
}

function notReplicated(): ComputeError {
  return new ComputeError(
    "storage_failed",
    "This MongoDB is not part of a replica set, so it cannot guarantee that acknowledged writes survive. " +
      "Start mongod with --replSet and run rs.initiate() once; one member is enough.",
  );
}
