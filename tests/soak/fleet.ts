import { pause } from "../../shared/wait.ts";
import { TestServer } from "../support/server.ts";
import type { SharedStore } from "../support/shared-store.ts";
import { type Direction, TcpProxy } from "../support/tcp-proxy.ts";
import { waitFor } from "../support/wait.ts";

/** For so long the member that was the primary may not be elected again. */
const STEP_DOWN_SECONDS = 3;
const ELECTION_MS = 30_000;

/** What happens to a fleet. Servers are named by their index. */
export type Fault =
  | { kind: "kill"; server: number; downMs: number }
  /** It is asked to stop, and started again. */
  | { kind: "restart"; server: number }
  | { kind: "stepDown" }
  | { kind: "restartBus"; downMs: number }
  /** The connection to this server that carries this byte, counted from now, is cut there. */
  | { kind: "cut"; server: number; afterBytes: number; direction: Direction }
  | { kind: "cutAll"; server: number };

export interface Chaos {
  /** Time between one kill of a server and the next. */
  killEveryMs: number;
  /** After this many kills of a server, the primary of the store steps down. */
  stepDownEvery: number;
  /** After this many kills of a server, the bus is killed and restarted. */
  restartBusEvery: number;
}

/** Servers that may share a store and a bus, each behind a proxy, and the failures that happen to them. */
export class Fleet implements AsyncDisposable {
  kills = 0;
  stepDowns = 0;
  busRestarts = 0;
  /** Faults of the same part happen one after the other. */
  private readonly busy = new Map<string, Promise<void>>();

  private constructor(
    readonly servers: readonly TestServer[],
    private readonly proxies: readonly TcpProxy[],
    private readonly parts: AsyncDisposableStack,
    private readonly shared?: SharedStore,
  ) {}

  /**
   * @param shared where the servers keep their data, with the URL of the database; absent: in an embedded store.
   * @param config the contents of the servers' config file.
   */
  static async start(
    count: number,
    shared?: { store: SharedStore; database: string },
    config?: object,
  ): Promise<Fleet> {
    await using opening = new AsyncDisposableStack();
    // At their proxies they are asked under other ports.
    const env = { TANVRIT_ALLOWED_HOSTS: "127.0.0.1", ...shared?.store.serverEnv(shared.database) };
    const starting = Array.from({ length: count }, () => TestServer.start(env, config));
    const servers = (await Promise.all(starting)).map((server) => opening.use(server));
    const proxies = await Promise.all(servers.map(async ({ port }) => opening.use(await TcpProxy.to(port))));
    return new Fleet(servers, proxies, opening.move(), shared?.store);
  }

  /** Where clients and agents reach the servers. */
  get urls(): string[] {
    return this.proxies.map(({ url }) => url);
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
      const server = Math.floor(Math.random() * this.servers.length);
      await this.suffer({ kind: "kill", server, downMs: 0 });
      if (this.kills % chaos.stepDownEvery === 0) await this.suffer({ kind: "stepDown" });
      if (this.kills % chaos.restartBusEvery === 0) await this.suffer({ kind: "restartBus", downMs: 0 });
    }
  }

  /** Lets it happen. Resolves when everything that was killed runs again. */
  suffer(fault: Fault): Promise<void> {
    const part = "server" in fault ? `server ${fault.server}` : fault.kind;
    const before = this.busy.get(part) ?? Promise.resolve();
    const over = before.then(() => this.happen(fault));
    this.busy.set(part, over);
    return over;
  }

  private happen(fault: Fault): Promise<void> | void {
    switch (fault.kind) {
      case "kill":
        return this.kill(fault.server, fault.downMs);
      case "restart":
        return this.restart(fault.server);
      case "stepDown":
        return this.stepDown();
      case "restartBus":
        return this.restartBus(fault.downMs);
      case "cut":
        return this.proxies[fault.server]?.cutAfter(fault.afterBytes, fault.direction);
      case "cutAll":
        return this.proxies[fault.server]?.cutAll();
    }
  }

  /** Kills a server as a crash would, and restarts it. */
  private async kill(index: number, downMs: number): Promise<void> {
    const server = this.servers[index];
    await server?.kill();
    await pause(downMs);
    await server?.startAgain();
    this.kills += 1;
  }

  private async restart(index: number): Promise<void> {
    const server = this.servers[index];
    const exitCode = await server?.stop();
    if (exitCode !== 0) throw new Error(`server ${index} stopped with exit code ${exitCode}`);
    await server?.startAgain();
  }

  private async stepDown(): Promise<void> {
    const mongo = this.shared?.mongo;
    if (!mongo) return;
    const primary = () =>
      mongo.withClient(async (client) => (await client.db("admin").command({ hello: 1 })).primary);
    const before = await primary();
    await mongo.withClient((client) =>
      client.db("admin").command({ replSetStepDown: STEP_DOWN_SECONDS, secondaryCatchUpPeriodSecs: 3 }),
    );
    await waitFor("another primary", async () => ![undefined, before].includes(await primary()), {
      timeoutMs: ELECTION_MS,
    });
    this.stepDowns += 1;
  }

  private async restartBus(downMs: number): Promise<void> {
    const redis = this.shared?.redis;
    if (!redis) return;
    await redis.kill();
    await pause(downMs);
    await redis.startAgain();
    this.busRestarts += 1;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.parts.disposeAsync();
  }
}
