import { existsSync } from "node:fs";
import { join } from "node:path";
import { type Document, MongoClient } from "mongodb";
import { freePort } from "./free-port.ts";
import { makeScratchInMemory, type Scratch } from "./scratch.ts";
import { waitFor } from "./wait.ts";

const START_MS = 60_000;
const SET_NAME = "rs0";
const CACHED = join(import.meta.dirname, "..", "..", "node_modules", ".cache", "mongod", "mongod");

/** A real MongoDB replica set; each member is a separate process. */
export class TestMongo implements AsyncDisposable {
  private constructor(
    private readonly scratch: Scratch,
    readonly members: Member[],
  ) {}

  static async start(count = 1): Promise<TestMongo> {
    const scratch = await makeScratchInMemory();
    const replicated = ["--replSet", SET_NAME];
    const members = await Promise.all(
      Array.from({ length: count }, (_, i) => Member.start(scratch.join(`member-${i}`), replicated)),
    );
    const mongo = new TestMongo(scratch, members);
    await mongo.initiate();
    return mongo;
  }

  /** A MongoDB server that is not part of a replica set. */
  static async startAlone(): Promise<TestMongo> {
    const scratch = await makeScratchInMemory();
    return new TestMongo(scratch, [await Member.start(scratch.join("member"), [])]);
  }

  get pids(): number[] {
    return this.members.map((member) => member.pid);
  }

  /** The connection string of the database with this name. */
  url(database: string): string {
    const hosts = this.members.map((member) => member.host).join(",");
    return `mongodb://${hosts}/${database}?replicaSet=${SET_NAME}`;
  }

  /** Runs `body` with a client of its own, separate from the code under test. */
  async withClient<T>(body: (client: MongoClient) => Promise<T>): Promise<T> {
    const client = new MongoClient(this.url("admin"), { serverSelectionTimeoutMS: START_MS });
    try {
      return await body(client);
    } finally {
      await client.close();
    }
  }

  /** Runs `body` while the primary fails these commands of a server under test. */
  async failing(data: Document, mode: Document | "alwaysOn", body: () => Promise<unknown>): Promise<void> {
    const set = (mode: Document | "alwaysOn" | "off") =>
      this.withClient((client) =>
        client.db("admin").command({
          configureFailPoint: "failCommand",
          mode,
          data: { ...data, appName: "tanvrit-compute" },
        }),
      );
    await set(mode);
    try {
      await body();
    } finally {
      await set("off");
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await this.scratch[Symbol.asyncDispose]();
  }

  private async initiate(): Promise<void> {
    const members = this.members.map(({ host }, _id) => ({ _id, host }));
    const settings = { electionTimeoutMillis: 2_000, heartbeatIntervalMillis: 500 };
    await this.members[0]?.ask(async (client) => {
      const admin = client.db("admin");
      await admin.command({ replSetInitiate: { _id: SET_NAME, members, settings } });
      const isWhole = async () => {
        const status = await admin.command({ replSetGetStatus: 1 });
        const states: string[] = status.members.map((member: { stateStr: string }) => member.stateStr);
        return states.includes("PRIMARY") && states.every((state) => /PRIMARY|SECONDARY/.test(state));
      };
      await waitFor("the replica set to choose its primary", isWhole, { timeoutMs: START_MS });
    });
  }
}

class Member {
  private constructor(
    readonly host: string,
    private readonly process: Bun.Subprocess,
  ) {}

  static async start(directory: string, more: readonly string[]): Promise<Member> {
    const port = freePort();
    await Bun.write(join(directory, "started"), "");
    const args = ["--port", String(port), "--bind_ip", "127.0.0.1", "--dbpath", directory];
    args.push("--nounixsocket", "--oplogSize", "64", ...more);
    // Test commands: they make a member fail on purpose.
    args.push("--wiredTigerCacheSizeGB", "0.25", "--quiet", "--setParameter", "enableTestCommands=1");
    const output = { stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
    const member = new Member(`127.0.0.1:${port}`, Bun.spawn([findMongod() ?? "mongod", ...args], output));
    await member.ask((client) => client.db("admin").command({ ping: 1 }));
    return member;
  }

  get pid(): number {
    return this.process.pid;
  }

  /** Asks this member only, whatever its role. */
  async ask<T>(body: (client: MongoClient) => Promise<T>): Promise<T> {
    const client = new MongoClient(`mongodb://${this.host}/?directConnection=true`, {
      serverSelectionTimeoutMS: START_MS,
    });
    try {
      return await body(client);
    } finally {
      await client.close();
    }
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.process.exited;
  }
}

/** What this machine lacks for tests with MongoDB, and how to get it. */
export function missingMongod(): string | undefined {
  return findMongod()
    ? undefined
    : "mongod is missing; run tests/support/fetch-mongod.sh, or set TANVRIT_TEST_MONGOD to its path";
}

function findMongod(): string | undefined {
  const named = process.env.TANVRIT_TEST_MONGOD;
  if (named) return existsSync(named) ? named : undefined;
  return Bun.which("mongod") ?? (existsSync(CACHED) ? CACHED : undefined);
}
