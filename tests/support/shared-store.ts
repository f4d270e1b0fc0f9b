import { MongoClient } from "mongodb";
import { TestMongo } from "./mongod.ts";
import { TestRedis } from "./redis.ts";
import { makeScratch, type Scratch } from "./scratch.ts";

/** The place of a test's database in the store URL. */
const DATABASE = "DATABASE";
/** How long a request to empty a database may take: a server that was killed may still hold locks. */
const EMPTY_MS = 5_000;

/** A MongoDB and a Redis for a whole suite. */
export class SharedStore implements AsyncDisposable {
  private constructor(
    readonly mongo: TestMongo,
    readonly redis: TestRedis,
    private readonly scratch: Scratch,
  ) {}

  /** @param members of the replica set. */
  static async start(members = 1): Promise<SharedStore> {
    await using opening = new AsyncDisposableStack();
    const mongo = opening.use(await TestMongo.start(members));
    const redis = opening.use(await TestRedis.start());
    const scratch = opening.use(await makeScratch());
    await Bun.write(scratch.join("secret.key"), `${"test ".repeat(10)}\n`);
    const store = new SharedStore(mongo, redis, scratch);
    opening.move();
    return store;
  }

  /** For the tests; the program under test does not see this variable. */
  get env(): Record<string, string> {
    return {
      TANVRIT_TEST_STORE: this.mongo.url(DATABASE),
      TANVRIT_TEST_BUS: this.redis.url,
      TANVRIT_TEST_KEY_FILE: this.scratch.join("secret.key"),
    };
  }

  /** The URL of a database that does not exist yet. */
  newDatabase(): string {
    return this.mongo.url(newName());
  }

  /** The variables of a server that keeps its data in the database with this URL. */
  serverEnv(database: string): Record<string, string> {
    return {
      TANVRIT_STORE: database,
      TANVRIT_BUS: this.redis.url,
      TANVRIT_SECRET_KEY_FILE: this.scratch.join("secret.key"),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis[Symbol.asyncDispose]();
    await this.mongo[Symbol.asyncDispose]();
    await this.scratch[Symbol.asyncDispose]();
  }
}

/** Whether the program under test keeps its data in the suite's store; false in suites on the embedded store. */
export const onSharedStore = process.env.TANVRIT_TEST_STORE !== undefined;

/** Databases of this process that are empty again. To create all collections in a new one takes a second or more. */
const emptied: string[] = [];

/** The URL of an empty database in the suite's store; undefined in suites on the embedded store. */
export function emptySharedDatabase(): string | undefined {
  const fresh = process.env.TANVRIT_TEST_STORE?.replace(DATABASE, newName());
  return fresh && (emptied.pop() ?? fresh);
}

function newName(): string {
  return `test_${crypto.randomUUID().slice(0, 13)}`;
}

/** Empties the database for the next server, once no server uses it any more. */
export async function giveBack(database: string): Promise<void> {
  if (await emptyDatabase(database)) emptied.push(database);
}

/** Empties a database that no server uses any more. Resolves with whether that could be done. */
export async function emptyDatabase(database: string): Promise<boolean> {
  const client = new MongoClient(database, { writeConcern: { w: "majority" } });
  try {
    const collections = await client.db().collections();
    const kept = ["compute_migrations"];
    const used = collections.filter(({ collectionName }) => !kept.includes(collectionName));
    await Promise.all(used.map((one) => one.deleteMany({}, { maxTimeMS: EMPTY_MS })));
    return true;
  } catch (error) {
    console.warn(`a test's database could not be emptied, so it is not used again: ${error}`);
    return false;
  } finally {
    await client.close();
  }
}

/** The variables a server needs to keep its data in the suite's store; empty on the embedded store. */
export function sharedStoreEnv(): Record<string, string> {
  const store = emptySharedDatabase();
  if (store === undefined) return {};
  const { TANVRIT_TEST_BUS = "", TANVRIT_TEST_KEY_FILE = "" } = process.env;
  return {
    TANVRIT_STORE: store,
    TANVRIT_BUS: TANVRIT_TEST_BUS,
    TANVRIT_SECRET_KEY_FILE: TANVRIT_TEST_KEY_FILE,
  };
}
