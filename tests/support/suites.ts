import { missingChromium } from "./chromium.ts";
import { missingDocker } from "./docker.ts";
import { missingKeychain } from "./keychain.ts";
import { missingMongod } from "./mongod.ts";
import { missingMoto } from "./moto.ts";
import { missingAccounts } from "./other-account.ts";
import { missingRedis } from "./redis.ts";

/** A group of tests that one `bun test` runs. */
export interface Suite {
  name: string;
  what: string;
  /** Paths for `bun test`. With `./` they are paths; without, Bun takes them for patterns. */
  paths: string[];
  /** Part of `bun run check`. */
  quick: boolean;
  /** It takes measurements that other suites would distort, or leaves them no processor. */
  alone?: true;
  /** About how long it takes in CI, next to two others; a run ends with what each took. The longest suites start first. */
  usualSeconds: number;
  /** The whole suite is killed after this. */
  timeoutMs: number;
  /** Its servers keep all data in MongoDB and notify each other through Redis. */
  onSharedStore?: true;
  /** Its programs are the built binary, which starts in a fifth of the time that the sources take. */
  onBinary?: true;
  /** What this machine lacks for the suite, and how to get it; undefined if the suite can run. */
  missing?: () => string | undefined;
}

export const suites: Suite[] = [
  {
    name: "style",
    what: "format, lint, types, dead code, and the rules of this repository",
    paths: ["./tests/style"],
    quick: true,
    usualSeconds: 25,
    timeoutMs: 900_000,
  },
  {
    name: "unit",
    what: "each room on its own",
    paths: [
      "./shared",
      "./sdk",
      "./agent",
      "./server",
      "./cmd",
      "./portal",
      "./tests/support",
      "./tests/soak",
    ],
    quick: true,
    usualSeconds: 160,
    timeoutMs: 600_000,
  },
  {
    name: "contract",
    what: "the promises of a port, proved for every adapter",
    paths: ["./tests/contract"],
    quick: true,
    usualSeconds: 35,
    timeoutMs: 180_000,
  },
  {
    name: "sdk",
    what: "the SDK as a package, in Node, Deno, Bun and a real browser",
    paths: ["./tests/sdk"],
    quick: true,
    onBinary: true,
    usualSeconds: 30,
    timeoutMs: 600_000,
    missing: missingChromium,
  },
  {
    name: "docker",
    what: "jobs in containers, on a real engine",
    paths: ["./tests/docker"],
    quick: false,
    onBinary: true,
    usualSeconds: 230,
    timeoutMs: 1_200_000,
    missing: missingDocker,
  },
  {
    name: "redis",
    what: "the bus between servers, on a real Redis",
    paths: ["./tests/redis"],
    quick: true,
    usualSeconds: 12,
    timeoutMs: 180_000,
    missing: missingRedis,
  },
  {
    name: "mongo",
    what: "the store for several servers, on a real MongoDB",
    paths: ["./tests/mongo"],
    quick: false,
    usualSeconds: 190,
    timeoutMs: 600_000,
    missing: missingMongod,
  },
  {
    name: "s3",
    what: "files in a bucket, on a real S3 server",
    paths: ["./tests/s3"],
    quick: false,
    onBinary: true,
    usualSeconds: 9,
    timeoutMs: 300_000,
    missing: missingMoto,
  },
  {
    name: "servers",
    what: "several servers as one on a real MongoDB, Redis and S3 server, also when killed, and the move to it",
    paths: ["./tests/servers"],
    quick: false,
    onBinary: true,
    usualSeconds: 270,
    timeoutMs: 900_000,
    missing: () => missingMongod() ?? missingRedis() ?? missingMoto(),
  },
  {
    name: "api",
    what: "every endpoint over a real socket",
    paths: ["./tests/api"],
    quick: false,
    onBinary: true,
    usualSeconds: 90,
    timeoutMs: 600_000,
  },
  {
    name: "access",
    what: "who may call what, and what belongs to whom",
    paths: ["./tests/access"],
    quick: false,
    onBinary: true,
    usualSeconds: 8,
    timeoutMs: 300_000,
  },
  {
    name: "oauth",
    what: "the authorization server, judged by clients that others wrote",
    paths: ["./tests/oauth"],
    quick: false,
    onBinary: true,
    usualSeconds: 20,
    timeoutMs: 300_000,
  },
  {
    name: "cli",
    what: "what shell scripts depend on",
    paths: ["./tests/cli"],
    quick: false,
    onBinary: true,
    usualSeconds: 80,
    timeoutMs: 600_000,
  },
  {
    name: "keychain",
    what: "tokens in a real keychain, also when it is locked or hangs",
    paths: ["./tests/keychain"],
    quick: false,
    onBinary: true,
    usualSeconds: 12,
    timeoutMs: 180_000,
    missing: missingKeychain,
  },
  {
    name: "browser",
    what: "the server's pages in a real Chromium, and the sign-ins of the command line through them",
    paths: ["./tests/browser"],
    quick: false,
    onBinary: true,
    usualSeconds: 30,
    timeoutMs: 300_000,
    missing: missingChromium,
  },
  {
    name: "portal",
    what: "the portal in a real Chromium, with a real server and agent",
    paths: ["./tests/portal"],
    quick: false,
    onBinary: true,
    usualSeconds: 270,
    timeoutMs: 900_000,
    missing: missingChromium,
  },
  {
    name: "e2e",
    what: "server, agent and command line together",
    paths: ["./tests/e2e"],
    quick: false,
    onBinary: true,
    usualSeconds: 280,
    timeoutMs: 1_200_000,
  },
  {
    name: "workflows",
    what: "GitHub Actions workflows with what must come of them, through server and agent and without them",
    paths: ["./tests/workflows"],
    quick: false,
    onBinary: true,
    usualSeconds: 180,
    timeoutMs: 900_000,
  },
  {
    name: "quiet",
    what: "what needs a machine that does nothing else: an agent's sleep, a busy machine, many agents or processes at once",
    paths: ["./tests/quiet"],
    quick: false,
    alone: true,
    usualSeconds: 120,
    timeoutMs: 600_000,
  },
  {
    name: "machine",
    what: "server, agent and their machine: owner, disks, keys, backups, GPUs",
    paths: ["./tests/machine"],
    quick: false,
    onBinary: true,
    usualSeconds: 85,
    timeoutMs: 900_000,
  },
  {
    name: "mongo-api",
    what: "access and api again, with the built binary, on a real MongoDB and Redis",
    paths: ["./tests/access", "./tests/api"],
    quick: false,
    usualSeconds: 170,
    timeoutMs: 900_000,
    onSharedStore: true,
    onBinary: true,
    missing: () => missingMongod() ?? missingRedis(),
  },
  {
    name: "mongo-e2e",
    what: "e2e again, with the built binary, on a real MongoDB and Redis",
    paths: ["./tests/e2e"],
    quick: false,
    usualSeconds: 350,
    timeoutMs: 1_200_000,
    onSharedStore: true,
    onBinary: true,
    missing: () => missingMongod() ?? missingRedis(),
  },
  {
    name: "fault",
    what: "the promises, with parts killed on purpose",
    paths: ["./tests/fault"],
    quick: false,
    onBinary: true,
    usualSeconds: 290,
    timeoutMs: 1_200_000,
  },
  {
    name: "accounts",
    what: "attacks from another account on the same machine",
    paths: ["./tests/accounts"],
    quick: false,
    onBinary: true,
    usualSeconds: 18,
    timeoutMs: 300_000,
    missing: missingAccounts,
  },
  {
    name: "binary",
    what: "the built binary, alone in an empty directory",
    paths: ["./tests/binary"],
    quick: false,
    usualSeconds: 9,
    timeoutMs: 300_000,
  },
];
