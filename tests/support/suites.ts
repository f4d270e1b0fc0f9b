import { missingDocker } from "./docker.ts";
import { missingKeychain } from "./keychain.ts";
import { missingMongod } from "./mongod.ts";
import { missingAccounts } from "./other-account.ts";
import { missingRedis } from "./redis.ts";

/** A group of tests that is run by one `bun test`. */
export interface Suite {
  name: string;
  what: string;
  /** Paths given to `bun test`; with `./` they are paths, not patterns. */
  paths: string[];
  /** Part of `bun run check`. */
  quick: boolean;
  /** Measures what others beside it would change. */
  alone?: true;
  /** The whole suite is stopped after this. */
  timeoutMs: number;
  /** The servers in it keep everything in MongoDB, and tell each other by Redis. */
  onSharedStore?: true;
  /** What this machine lacks for the suite and how to get it; undefined where it can run. */
  missing?: () => string | undefined;
}

export const suites: Suite[] = [
  {
    name: "style",
    what: "format, lint, types, dead code, and the rules of the house",
    paths: ["./tests/style"],
    quick: true,
    timeoutMs: 180_000,
  },
  {
    name: "unit",
    what: "what one room promises",
    paths: ["./shared", "./sdk", "./agent", "./server", "./cmd", "./tests/support"],
    quick: true,
    timeoutMs: 300_000,
  },
  {
    name: "contract",
    what: "what every adapter of a port promises",
    paths: ["./tests/contract"],
    quick: true,
    timeoutMs: 180_000,
  },
  {
    name: "docker",
    what: "jobs in containers, over a real engine",
    paths: ["./tests/docker"],
    quick: false,
    timeoutMs: 1_200_000,
    missing: missingDocker,
  },
  {
    name: "redis",
    what: "the bus between servers, over a real Redis",
    paths: ["./tests/redis"],
    quick: true,
    timeoutMs: 180_000,
    missing: missingRedis,
  },
  {
    name: "mongo",
    what: "the store of many servers, over a real MongoDB",
    paths: ["./tests/mongo"],
    quick: false,
    timeoutMs: 300_000,
    missing: missingMongod,
  },
  {
    name: "servers",
    what: "several servers as one over a real MongoDB and Redis, killed too, and the way there",
    paths: ["./tests/servers"],
    quick: false,
    timeoutMs: 900_000,
    missing: () => missingMongod() ?? missingRedis(),
  },
  {
    name: "api",
    what: "every endpoint over a real socket",
    paths: ["./tests/api"],
    quick: false,
    timeoutMs: 300_000,
  },
  {
    name: "cli",
    what: "what shell scripts depend on",
    paths: ["./tests/cli"],
    quick: false,
    timeoutMs: 300_000,
  },
  {
    name: "keychain",
    what: "tokens in a real keychain, also a locked one and one that hangs",
    paths: ["./tests/keychain"],
    quick: false,
    timeoutMs: 180_000,
    missing: missingKeychain,
  },
  {
    name: "e2e",
    what: "server, agent and command line together",
    paths: ["./tests/e2e"],
    quick: false,
    timeoutMs: 1_200_000,
  },
  {
    name: "machine",
    what: "an agent and the machine it runs on: its owner, its sleep, its health, its GPUs",
    paths: ["./tests/machine"],
    quick: false,
    alone: true,
    timeoutMs: 900_000,
  },
  {
    name: "mongo-e2e",
    what: "api and e2e once more, over a real MongoDB and Redis",
    paths: ["./tests/api", "./tests/e2e"],
    quick: false,
    timeoutMs: 1_200_000,
    onSharedStore: true,
    missing: () => missingMongod() ?? missingRedis(),
  },
  {
    name: "fault",
    what: "the promises, with parts killed on purpose",
    paths: ["./tests/fault"],
    quick: false,
    timeoutMs: 1_200_000,
  },
  {
    name: "accounts",
    what: "attacks from another account of the same machine",
    paths: ["./tests/accounts"],
    quick: false,
    timeoutMs: 300_000,
    missing: missingAccounts,
  },
  {
    name: "binary",
    what: "the built binary, alone in an empty directory",
    paths: ["./tests/binary"],
    quick: false,
    timeoutMs: 300_000,
  },
];
