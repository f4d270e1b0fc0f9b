import { pause } from "../../shared/wait.ts";
import { TestMongo } from "../support/mongod.ts";
import { TestRedis } from "../support/redis.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

const STEP_DOWN_SECONDS = 5;
const ELECTION_MS = 30_000;

export interface Chaos {
  /** Time between one kill of a server and the next. */
  killEveryMs: number;
  /** After this many kills of a server, the primary of the store steps down. */
  stepDownEvery: number;
  /** After this many kills of a server, the bus is killed and restarted. */
  restartBusEvery: number;
}

/** Servers that share a store and a bus, and the failures that happen to them from time to time. */
export class Fleet implements AsyncDisposable {
  kills = 0;
  stepDowns = 0;
  busRestarts = 0;

  private constructor(
    readonly servers: readonly TestServer[],
    private readonly shared: AsyncDisposableStack,
    private readonly mongo?: TestMongo,
    private readonly redis?: TestRedis,
  ) {}

  /** One server on the embedded store, or several on a replica set of three and Redis. */
  static async start(count: number): Promise<Fleet> {
    await using opening = new AsyncDisposableStack();
    const several = count > 1;
    const mongo = several ? opening.use(await TestMongo.start(3)) : undefined;
    const redis = several ? opening.use(await TestRedis.start()) : undefined;
    const env: Record<string, string> =
      mongo && redis ? { TANVRIT_STORE: mongo.url("soak"), TANVRIT_BUS: redis.url } : {};
    const servers: TestServer[] = [];
    for (let i = 0; i < count; i++) servers.push(opening.use(await TestServer.start(env)));
    return new Fleet(servers, opening.move(), mongo, redis);
  }

  get urls(): string[] {
    return this.servers.map((server) => server.url);
  }

  get first(): TestServer {
    const [server] = this.servers;
    if (!server) throw new Error("a fleet needs a server");
    return server;
  }

  /** Runs until `signal` fires. At the end, everything that was killed runs again. */
  async breakNowAndThen(chaos: Chaos, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(chaos.killEveryMs, signal);
      if (signal.aborted) return;
      await this.killOne();
      if (this.kills % chaos.stepDownEvery === 0) await this.stepDown();
      if (this.kills % chaos.restartBusEvery === 0) await this.restartBus();
    }
  }

  /** Kills a random server as a crash would, and restarts it. */
  private async killOne(): Promise<void> {
    const server = this.servers[Math.floor(Math.random() * this.servers.length)];
    await server?.kill();
    await server?.startAgain();
    this.kills += 1;
  }

  private async stepDown(): Promise<void> {
    if (!this.mongo) return;
    const primary = () =>
      this.mongo?.withClient(async (client) => (await client.db("admin").command({ hello: 1 })).primary);
    const before = await primary();
    await this.mongo.withClient((client) =>
      client.db("admin").command({ replSetStepDown: STEP_DOWN_SECONDS, secondaryCatchUpPeriodSecs: 3 }),
    );
    await waitFor("another primary", async () => ![undefined, before].includes(await primary()), {
      timeoutMs: ELECTION_MS,
    });
    this.stepDowns += 1;
  }

  private async restartBus(): Promise<void> {
    if (!this.redis) return;
    await this.redis.kill();
    await this.redis.startAgain();
    this.busRestarts += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shared.disposeAsync();
  }
}
