import { pause } from "../../shared/wait.ts";
import { TestMongo } from "../support/mongod.ts";
import { TestRedis } from "../support/redis.ts";
import { TestServer } from "../support/server.ts";
import { waitFor } from "../support/wait.ts";

const STEP_DOWN_SECONDS = 5;
const ELECTION_MS = 30_000;

export interface Chaos {
  /** From one end of a server to the next. */
  killEveryMs: number;
  /** After each that many ends of a server the primary of the store steps down. */
  stepDownEvery: number;
  /** After each that many the bus is ended and started again. */
  restartBusEvery: number;
}

/** Servers that share a store and a bus, and what goes wrong with all of them now and then. */
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

  /** One server on the embedded store; or several, over a replica set of three and Redis. */
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

  /** Until `signal` says enough. What was ended is there again at the end. */
  async breakNowAndThen(chaos: Chaos, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await pause(chaos.killEveryMs, signal);
      if (signal.aborted) return;
      await this.killOne();
      if (this.kills % chaos.stepDownEvery === 0) await this.stepDown();
      if (this.kills % chaos.restartBusEvery === 0) await this.restartBus();
    }
  }

  /** Ends a server of chance as a crash would, and starts it again. */
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
