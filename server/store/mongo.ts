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
import { withLimit } from "../../shared/wait.ts";
import { AbandonedTransactions, APP_NAME } from "./abandoned-transactions.mongo.ts";
import { DatabaseClock } from "./database-clock.ts";
import { type MongoMigration, migrate } from "./mongo-migrations.ts";

const DEFAULT_DATABASE = "tanvrit_compute";
const SERVER_SELECTION_MS = 5_000;
const CONNECT_MS = 5_000;
/**
 * How often a member says that it is there. One that is silent for this and CONNECT_MS is given up with all that waits
 * for its answers, so that it is sooner than the others have chosen a new primary (10 s, unless set otherwise).
 */
const HEARTBEAT_MS = 2_000;
/** A request whose answer does not come within this is given up. */
const SOCKET_MS = 20_000;
/** All of an operation, which may be several requests. */
const ATTEMPT_MS = 30_000;
/** A write that a majority has not got by then counts as failed. */
const MAJORITY_MS = 10_000;
/** How long the end of a transaction is asked for when its answer was lost. */
const COMMIT_MS = 10_000;
const COMMIT_RETRY_MS = 20;
const PING_MS = 2_000;
const MAX_CONNECTIONS = 64;

const DUPLICATE_KEY = 11_000;
/** What a member says that is no primary, or ceases to be one: the others choose another. */
const NO_PRIMARY = new Set([189, 10_107, 11_602, 13_435, 13_436]);

/**
 * The store many servers share: a MongoDB replica set. What is acknowledged is on a majority of its members, what is
 * read is what a majority has, and a write whose answer was lost is repeated by the driver without being applied twice.
 */
export class MongoStore {
  /** The time of the primary. */
  readonly clock = new DatabaseClock(() => this.time());
  private readonly abandoned: AbandonedTransactions;

  private constructor(
    private readonly client: MongoClient,
    readonly db: Db,
  ) {
    this.abandoned = new AbandonedTransactions(client);
  }

  /**
   * @param url names the members, the database, the account and TLS, as the connection strings of MongoDB do. Rejects
   * with BadStoreUrlError where it is none.
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
   * The same without waiting for a majority, for steps that mean nothing until a transaction after them is committed:
   * a majority that has that one has these, and where they are lost it does not come to be.
   */
  preparing<T extends Document>(name: string): Collection<T> {
    return this.db.collection<T>(name, { writeConcern: { w: 1 }, readConcern: { level: "local" } });
  }

  /**
   * Runs `body`, and tells what the store says against it, or that it says nothing, as `storage_failed`. Each request
   * has a time of its own; but when every member is gone at the same moment, the driver may lose one for good.
   */
  async attempt<T>(body: () => Promise<T>, limitMs = ATTEMPT_MS): Promise<T> {
    try {
      return await withLimit(limitMs, body(), () => silent(limitMs));
    } catch (error) {
      throw storageError(error);
    }
  }

  /**
   * Runs `body` in one transaction, once. Throws what the driver throws: where `isContention` holds for it nothing was
   * applied, and it may be tried again.
   */
  async transaction<T>(body: (session: ClientSession) => Promise<T>): Promise<T> {
    const session = this.client.startSession();
    try {
      session.startTransaction({ readConcern: { level: "snapshot" }, writeConcern: { w: "majority" } });
      const result = await body(session);
      await commit(session);
      return result;
    } finally {
      // Ends a transaction that is still open, on the server too.
      await session.endSession();
    }
  }

  /** Lets go of what servers that died hold locked. */
  endAbandoned(): Promise<void> {
    return this.attempt(() => this.abandoned.end());
  }

  async isReady(): Promise<boolean> {
    try {
      await this.db.command({ ping: 1 }, { timeoutMS: PING_MS });
      return true;
    } catch {
      // Whatever keeps it from answering, it is not ready.
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

/** The URL of the store is none that the driver takes. */
export class BadStoreUrlError extends Error {
  override name = "BadStoreUrlError";

  constructor(cause: unknown) {
    const said = cause instanceof Error ? cause.message : "";
    // Only plain words: where the driver repeats a part of the URL, that may be one of the password.
    super(/^[\w ,.()'-]+$/.test(said) ? said : "it is no connection string of MongoDB", { cause });
  }
}

/** A document changed between reading it and writing it. */
export class ContentionError extends Error {
  override name = "ContentionError";
}

/** How long others may be faster before a change is given up. */
const MAX_CONTENTION_MS = 10_000;
const MAX_PAUSE_MS = 20;

/**
 * Runs `body` again and again while somebody else is faster, for a bounded time. `mayPass` says of what it threw whether
 * nothing was applied and another try may succeed.
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

/** Never the same time for two who were in each other's way. */
export function letOthersGo(maxMs = MAX_PAUSE_MS): Promise<void> {
  return Bun.sleep(1 + Math.random() * maxMs);
}

/** Somebody else was faster, also to write an id or a name that may be there once only. */
export function isFasterElsewhere(error: unknown): boolean {
  return isContention(error) || isDuplicateKey(error);
}

/** Somebody else was faster; nothing was applied. */
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
 * The places of those documents of an unordered insert of many whose key was there already; undefined where it failed
 * for any other cause. All others are stored.
 */
export function duplicatesIn(error: unknown): number[] | undefined {
  if (!(error instanceof MongoBulkWriteError) || error.result.getWriteConcernError()) return undefined;
  const errors = Array.isArray(error.writeErrors) ? error.writeErrors : [error.writeErrors];
  if (errors.length === 0 || errors.some((one) => one.code !== DUPLICATE_KEY)) return undefined;
  return errors.map((one) => one.index);
}

/** What a change makes of fields: those that are undefined are removed. */
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

/** Nothing is connected by this. */
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

/** Asks for the end of the transaction until its outcome is known. */
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
    return new ComputeError("storage_failed", `MongoDB failed: ${error.message}`, {
      cause: error,
    });
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
    "This MongoDB is not part of a replica set, so it can keep no promise about what it acknowledges. " +
      "Start mongod with --replSet and run rs.initiate() once; one member is enough.",
  );
}
