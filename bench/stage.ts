import { join } from "node:path";
import { type Compute, createComputeClient } from "../sdk/index.ts";
import { TestMongo } from "../tests/support/mongod.ts";
import { Person } from "../tests/support/person.ts";
import { TestServer } from "../tests/support/server.ts";

/** Where the server keeps its data: the embedded store, or a MongoDB replica set of one or three members. */
export const storeKinds = ["sqlite", "mongodb", "mongodb3"] as const;
export type StoreKind = (typeof storeKinds)[number];

/** Throws a TypeError that lists the kinds. */
export function storeKindOf(text: string): StoreKind {
  const kind = storeKinds.find((one) => one === text);
  if (!kind) throw new TypeError(`--store must be one of ${storeKinds.join(", ")}`);
  return kind;
}

/** The built binary, which all programs of a bench run. */
export const binary =
  process.env.TANVRIT_TEST_BINARY ?? join(import.meta.dirname, "..", "dist", "tanvrit-compute");

/** The programs that `tests/support` starts are the binary from now on. */
export function useBinary(): void {
  process.env.TANVRIT_TEST_BINARY = binary;
}

/** Undefined for the embedded store, which needs no other process. */
export async function startMongo(kind: StoreKind): Promise<TestMongo | undefined> {
  if (kind === "sqlite") return undefined;
  return await TestMongo.start(kind === "mongodb" ? 1 : 3);
}

/** A server with an empty store, and a person who is signed in to it. Disposing of it ends the server and all agents. */
export class Stage implements AsyncDisposable {
  private constructor(
    readonly kind: StoreKind,
    /** The replica set that holds the server's data. */
    readonly mongo: TestMongo | undefined,
    readonly server: TestServer,
    readonly person: Person,
    readonly token: string,
    readonly compute: Compute,
  ) {}

  static async open(kind: StoreKind, mongo: TestMongo | undefined): Promise<Stage> {
    useBinary();
    await using opening = new AsyncDisposableStack();
    const store = mongo?.url(`bench_${crypto.randomUUID().slice(0, 13)}`);
    const server = opening.use(await TestServer.start(store === undefined ? {} : { TANVRIT_STORE: store }));
    const person = opening.use(await Person.signIn(server));
    const token = await person.get(["auth", "print-token"]);
    const stage = new Stage(
      kind,
      mongo,
      server,
      person,
      token,
      createComputeClient({ url: server.url, token }),
    );
    opening.move();
    return stage;
  }

  /** Starts an agent with this many slots and the settings of an `agent.yaml`; returns its node and its process. */
  async startAgent(slots: number, settings: object = {}): Promise<{ nodeId: string; pid: number }> {
    const file = this.person.home.join("agent.yaml");
    await Bun.write(file, JSON.stringify(settings));
    const agent = await this.person.startAgent(["--slots", String(slots), "--config", file]);
    const [node] = await Array.fromAsync(this.compute.nodes.list({ limit: 1 }));
    if (!node) throw new Error("the agent did not register");
    return { nodeId: node.nodeId, pid: agent.process.pid };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.person[Symbol.asyncDispose]();
    await this.server[Symbol.asyncDispose]();
  }
}
