import type { StepHost } from "../job.ts";

/** How to run a JavaScript action: the program, its first arguments and variables. */
export interface NodeRuntime {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
}

interface FoundNode {
  node: string;
  major: number;
}

/** No file of the workspace changes how the action runs. */
const OWN_FLAGS = ["--no-env-file", "--no-install", "--config=/dev/null"];
const PROBE_LIMIT_MS = 15_000;
/** Stands for all hosts that are this machine itself. */
const MACHINE = {};
const nodes = new WeakMap<object, Promise<FoundNode | undefined>>();
const ownRuntimes = new WeakMap<object, Promise<boolean>>();

/**
 * The host's node if it is new enough, else the runtime inside this program, else an older node. Throws an Error for people.
 *
 * @param using `node20`, for example: the oldest node that will do.
 */
export async function nodeRuntime(host: StepHost, using: string): Promise<NodeRuntime> {
  const wanted = Number(using.slice("node".length));
  const found = await once(nodes, isContainer(host) ? host : MACHINE, () => nodeOf(host));
  if (found && found.major >= wanted) return { argv: [found.node], env: {} };
  const own: NodeRuntime = {
    argv: [host.guestPath(process.execPath), ...OWN_FLAGS],
    env: { BUN_BE_BUN: "1" },
  };
  if (!isContainer(host) || (await once(ownRuntimes, host, () => works(host, own)))) return own;
  if (found) return { argv: [found.node], env: {} };
  throw new Error(
    `The action needs ${using}, which is not in the job's container, and the container lacks what the runtime of this program needs. Use an image with node, such as node:${wanted}.`,
  );
}

function once<T>(known: WeakMap<object, Promise<T>>, host: object, find: () => Promise<T>): Promise<T> {
  let found = known.get(host);
  if (!found) {
    found = find();
    known.set(host, found);
  }
  return found;
}

function isContainer(host: StepHost): boolean {
  return host.guestPath(process.execPath) !== process.execPath;
}

async function nodeOf(host: StepHost): Promise<FoundNode | undefined> {
  const node = await host.which("node", []);
  const printed = node && (await print(host, [node, "--version"], {}));
  const major = printed && /^v(\d+)\./.exec(printed)?.[1];
  return node && major ? { node, major: Number(major) } : undefined;
}

/** A container may lack the C library that this program needs. */
async function works(host: StepHost, { argv, env }: NodeRuntime): Promise<boolean> {
  return (await print(host, [...argv.slice(0, 1), "--version"], env)) !== undefined;
}

/** What a program prints; undefined: it failed. */
async function print(
  host: StepHost,
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  let printed = "";
  const exit = await host.run({
    argv,
    cwd: "/",
    env: { ...env, PATH: await host.basePath() },
    onOutput: (bytes) => {
      printed += Buffer.from(bytes).toString("utf8");
    },
    cancel: AbortSignal.timeout(PROBE_LIMIT_MS),
  });
  return "exitCode" in exit && exit.exitCode === 0 ? printed : undefined;
}
