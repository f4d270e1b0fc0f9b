import type { StepHost } from "../job.ts";

/** How to run a JavaScript action: the program, its first arguments and variables. */
export interface NodeRuntime {
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
}

/** Node and the runtime inside this binary, which is used where node is missing or too old. */
const OWN_FLAGS = ["--no-env-file", "--no-install", "--config=/dev/null"];
const VERSION_LIMIT_MS = 15_000;
const versions = new WeakMap<StepHost, Promise<{ node: string; major: number } | undefined>>();

/**
 * @param using `node20`, for example: the oldest node that will do. Node before 16 is no longer needed by any action: what was
 *   written for it runs on later ones.
 */
export async function nodeRuntime(host: StepHost, using: string): Promise<NodeRuntime> {
  const wanted = Number(using.slice("node".length));
  let version = versions.get(host);
  if (!version) {
    version = nodeOf(host);
    versions.set(host, version);
  }
  const found = await version;
  if (found && found.major >= wanted) return { argv: [found.node], env: {} };
  return { argv: [host.guestPath(process.execPath), ...OWN_FLAGS], env: { BUN_BE_BUN: "1" } };
}

async function nodeOf(host: StepHost): Promise<{ node: string; major: number } | undefined> {
  const node = await host.which("node", []);
  if (node === undefined) return undefined;
  let printed = "";
  const exit = await host.run({
    argv: [node, "--version"],
    cwd: "/",
    env: { PATH: await host.basePath() },
    onOutput: (bytes) => {
      printed += Buffer.from(bytes).toString("utf8");
    },
    cancel: AbortSignal.timeout(VERSION_LIMIT_MS),
  });
  const major = /^v(\d+)\./.exec(printed)?.[1];
  return "exitCode" in exit && exit.exitCode === 0 && major !== undefined
    ? { node, major: Number(major) }
    : undefined;
}
