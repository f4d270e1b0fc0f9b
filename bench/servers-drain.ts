import { MongoClient } from "mongodb";
import { type Compute, createComputeClient } from "../sdk/index.ts";
import { cpuMsOf } from "../tests/support/cpu-time.ts";
import { mongoCommands } from "../tests/support/mongo-commands.ts";
import type { TestMongo } from "../tests/support/mongod.ts";
import { Person } from "../tests/support/person.ts";
import { TestServer } from "../tests/support/server.ts";
import { queueJobs, rateOf, succeeded, untilOver } from "./no-op-jobs.ts";

const AGENTS = 3;
const SLOTS = 16;
const WARM_UP_JOBS = 100;
const UPDATES = 4_000;
const UPDATES_IN_FLIGHT = 64;

/** What a drain found. The costs are for each job. */
export interface ServersDrained {
  jobsPerSecond: number;
  /** CPU of all servers together, in microseconds. */
  serverUs: number;
  /** CPU of the member that works most, in microseconds. */
  primaryUs: number;
  commands: number;
}

/** Servers over one replica set and bus, and three agents spread over them. */
export class ServersStage implements AsyncDisposable {
  private readonly stack = new AsyncDisposableStack();
  private readonly servers: TestServer[] = [];
  private readonly people: Person[] = [];
  private readonly nodeIds: string[] = [];
  private compute: Compute | undefined;

  private constructor(private readonly mongo: TestMongo) {}

  static async open(mongo: TestMongo, busUrl: string, count: number): Promise<ServersStage> {
    await using opening = new AsyncDisposableStack();
    const stage = opening.use(new ServersStage(mongo));
    const env = { TANVRIT_STORE: mongo.url(`drain_by_${count}`), TANVRIT_BUS: busUrl };
    for (let i = 0; i < count; i++) stage.servers.push(stage.stack.use(await TestServer.start(env)));
    for (let i = 0; i < AGENTS; i++) await stage.addAgent(stage.servers[i % count] as TestServer);
    await stage.drain(WARM_UP_JOBS);
    opening.move();
    return stage;
  }

  /** Queues jobs that do nothing while no node takes any, and lets the nodes run them all. */
  async drain(count: number): Promise<ServersDrained> {
    const { compute } = this;
    if (!compute) throw new Error("there is no agent");
    for (const nodeId of this.nodeIds) await compute.nodes.drain(nodeId);
    const queued = await queueJobs(compute, count);
    const before = await this.spent();
    await Promise.all(this.nodeIds.map((nodeId) => compute.nodes.undrain(nodeId)));
    await untilOver(compute, queued);
    const after = await this.spent();
    const members = after.members.map((ms, i) => ms - (before.members[i] ?? 0));
    return {
      jobsPerSecond: rateOf(await succeeded(compute, queued.name, count)),
      serverUs: ((after.servers - before.servers) * 1_000) / count,
      primaryUs: (Math.max(...members) * 1_000) / count,
      commands: (after.commands - before.commands) / count,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stack.disposeAsync();
  }

  private async addAgent(server: TestServer): Promise<void> {
    const person = this.stack.use(await Person.signIn(server));
    this.people.push(person);
    await person.startAgent(["--slots", String(SLOTS)]);
    const token = await person.get(["auth", "print-token"]);
    this.compute ??= createComputeClient({ url: server.url, token });
    const nodes = await Array.fromAsync(this.compute.nodes.list());
    const added = nodes.find(({ nodeId }) => !this.nodeIds.includes(nodeId));
    if (!added) throw new Error("the agent did not register");
    this.nodeIds.push(added.nodeId);
  }

  private async spent() {
    return {
      servers: this.servers.reduce((sum, server) => sum + cpuMsOf(server.pid).own, 0),
      members: this.mongo.pids.map((pid) => cpuMsOf(pid).own),
      commands: (await mongoCommands(this.mongo)).commands,
    };
  }
}

/** How many single updates per second the replica set acknowledges with many in flight, each on a majority. */
export async function updatesPerSecond(mongo: TestMongo): Promise<number> {
  await using client = new MongoClient(mongo.url("limits"), { writeConcern: { w: "majority" } });
  const items = client.db().collection<{ _id: number; version: number }>("items");
  await items.insertMany(Array.from({ length: UPDATES }, (_, _id) => ({ _id, version: 0 })));
  let next = 0;
  const updateUntilDone = async () => {
    while (next < UPDATES) await items.findOneAndUpdate({ _id: next++ }, { $inc: { version: 1 } });
  };
  const startedMs = performance.now();
  await Promise.all(Array.from({ length: UPDATES_IN_FLIGHT }, updateUntilDone));
  const rate = UPDATES / ((performance.now() - startedMs) / 1_000);
  await items.drop();
  return rate;
}
