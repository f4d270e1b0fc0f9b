import { TestMongo } from "./mongod.ts";
import { TestRedis } from "./redis.ts";

/** Where a test's database goes in the URL of the store. */
const DATABASE = "DATABASE";

/** A MongoDB and a Redis for a whole suite. */
export class SharedStore implements AsyncDisposable {
  private constructor(
    private readonly mongo: TestMongo,
    private readonly redis: TestRedis,
  ) {}

  static async start(): Promise<SharedStore> {
    await using opening = new AsyncDisposableStack();
    const mongo = opening.use(await TestMongo.start());
    const store = new SharedStore(mongo, opening.use(await TestRedis.start()));
    opening.move();
    return store;
  }

  /** For the tests; the program under test does not see it. */
  get env(): Record<string, string> {
    return { TANVRIT_TEST_STORE: this.mongo.url(DATABASE), TANVRIT_TEST_BUS: this.redis.url };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.redis[Symbol.asyncDispose]();
    await this.mongo[Symbol.asyncDispose]();
  }
}

/** What is tested keeps its data in the store of the suite; false in suites on the embedded one. */
export const onSharedStore = process.env.TANVRIT_TEST_STORE !== undefined;

/** The URL of a new database in the store of the suite; undefined in suites on the embedded store. */
export function newSharedDatabase(): string | undefined {
  return process.env.TANVRIT_TEST_STORE?.replace(DATABASE, `test_${crypto.randomUUID().slice(0, 13)}`);
}

/** What a server of its own needs to keep its data in the store of the suite; nothing on the embedded one. */
export function sharedStoreEnv(): Record<string, string> {
  const store = newSharedDatabase();
  return store === undefined ? {} : { TANVRIT_STORE: store, TANVRIT_BUS: process.env.TANVRIT_TEST_BUS ?? "" };
}
