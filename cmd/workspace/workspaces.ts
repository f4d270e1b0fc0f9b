import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import type { ServerProof } from "../../sdk/machine/server-proof.ts";
import { writeFileAtomic } from "../../shared/atomic-file.ts";
import { accountName, identity } from "../../shared/auth.ts";
import { codeOf } from "../../shared/code-of.ts";
import { type Env, tanvritHome } from "../../shared/config/home.ts";
import { readJson } from "../../shared/config/json.ts";
import { once } from "../../shared/once.ts";
import { own } from "../../shared/own.ts";
import { serverPin } from "../../shared/server-pin.ts";
import { serverKey } from "../../shared/server-proof.ts";
import { textOf } from "../../shared/text-of.ts";
import { isLoopbackUrl } from "../../shared/url.ts";
import { CliError } from "../exit/failure.ts";
import { type GivenTrust, proofOf, refusePlainHttp } from "./server-trust.ts";
import { takeTurn } from "./turn.ts";

export const DEFAULT_WORKSPACE = "local";
export const DEFAULT_URL = "http://127.0.0.1:7070";

/** A control plane and a business on it, under a name that this person chose. */
const workspace = once(() =>
  z.strictObject({
    url: z
      .url({ protocol: /^https?$/, error: "must be a URL that begins with http:// or https://" })
      .transform(plainUrl),
    /** Where this workspace's tokens are kept; absent if nobody is signed in. */
    credentialStore: z.enum(["keychain", "file"]).optional(),
    /** Who is signed in. */
    identity: identity().optional(),
    /** The server's public key. Over plain HTTP, tokens go only to a server that proves it owns this key. */
    serverKey: serverKey().optional(),
    /** The server's certificate, if no authority signed it. Nothing goes to a server whose certificate has another key. */
    pin: serverPin().optional(),
    /** At the sign-in, the person allowed plain HTTP to a server on another machine. */
    insecureHttp: z.literal(true).optional(),
  }),
);
export type Workspace = z.infer<ReturnType<typeof workspace>>;

const configFile = once(() =>
  z.strictObject({
    /** The workspace that commands use when none is named. */
    current: accountName.optional(),
    workspaces: z.record(accountName, workspace()).default({}),
  }),
);
export type WorkspaceConfig = z.infer<ReturnType<typeof configFile>>;

export function configPath(env: Env): string {
  return join(tanvritHome(env), "config.json");
}

/** The content of `config.json`; empty if there is none. Throws CliError `bad_configuration` naming file and line. */
export async function loadWorkspaces(env: Env): Promise<WorkspaceConfig> {
  const path = configPath(env);
  const text = await readIfThere(path);
  if (text === undefined) return { workspaces: {} };
  try {
    const { value, issues } = readJson(text, configFile());
    const parsed = configFile().safeParse(value);
    if (parsed.success && issues.length === 0) return parsed.data;
  } catch {
    // Not JSON: the parser below says where.
  }
  const { parseYaml } = await import("../../shared/config/yaml.ts");
  try {
    return parseYaml(text, path, configFile());
  } catch (error) {
    throw new CliError("bad_configuration", textOf(error), {
      cause: error,
      todo: "Fix the file, or remove it and sign in again",
    });
  }
}

/** Replaces `config.json` as a whole. Processes that do so at the same time take turns, so no change is lost. */
export async function updateWorkspaces(
  env: Env,
  change: (config: WorkspaceConfig) => WorkspaceConfig,
): Promise<void> {
  const path = configPath(env);
  const release = await lockConfig(path);
  try {
    const config = change(await loadWorkspaces(env));
    writeFileAtomic(path, `${JSON.stringify(config, null, 2)}\n`);
  } finally {
    release();
  }
}

/** A change takes milliseconds. A process that holds the lock for longer was stopped, or its disk does not answer. */
const LOCK_LIMIT_MS = 5_000;

async function lockConfig(path: string): Promise<() => void> {
  const turn = await takeTurn(`${path}.lock`, LOCK_LIMIT_MS);
  if ("release" in turn) return turn.release;
  const holder =
    turn.heldBy === undefined ? "other processes are changing" : `process ${turn.heldBy} is changing`;
  throw new CliError("try_again", `${holder} ${path}`, { todo: "Try again when it has finished" });
}

export interface ChosenWorkspace {
  name: string;
  url: string;
  /** What config.json has on it; undefined if nobody ever signed in to it. */
  known: Workspace | undefined;
  /** Proves that the URL leads to the server of the sign-in, or the one with the given fingerprint; absent if neither is known. */
  proof?: ServerProof;
}

/** The workspace that a command means, and whether config.json has it. */
export async function isKnownWorkspace(
  env: Env,
  given: string | undefined,
): Promise<{ name: string; isKnown: boolean }> {
  const config = await loadWorkspaces(env);
  const name = given ?? config.current ?? DEFAULT_WORKSPACE;
  return { name, isKnown: own(config.workspaces, name) !== undefined };
}

/** The workspace and URL that a command means: the given ones, else the file's, else the default. */
export async function chooseWorkspace(
  env: Env,
  given: { workspace?: string; url?: string } & GivenTrust,
): Promise<ChosenWorkspace> {
  const config = await loadWorkspaces(env);
  const name = given.workspace ?? config.current ?? DEFAULT_WORKSPACE;
  const known = own(config.workspaces, name);
  const asked = given.url === undefined ? undefined : plainUrl(given.url);
  const url =
    asked === undefined
      ? (known?.url ?? (name === DEFAULT_WORKSPACE ? DEFAULT_URL : undefined))
      : meansSame(asked, known?.url);
  if (url !== undefined) {
    refusePlainHttp(url, given, known);
    return { name, url, known, proof: await proofOf(env, name, url, known, given) };
  }
  throw new CliError("bad_configuration", `there is no workspace ${name} in ${configPath(env)}`, {
    todo: `Sign in with tanvrit-compute auth login --workspace ${name} --url URL, or choose one from tanvrit-compute workspace list`,
  });
}

/** `localhost` stands for several addresses. Here it means the address that the workspace signed in to. */
function meansSame(asked: string, known: string | undefined): string {
  if (known === undefined || !isLoopbackUrl(known) || new URL(asked).hostname !== "localhost") return asked;
  return new URL(asked).port === new URL(known).port ? known : asked;
}

/** A URL as it is compared and stored: without a slash at the end. */
export function plainUrl(url: string): string {
  return url.replace(/\/+$/, "");
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new CliError("bad_configuration", `cannot read ${path}: ${textOf(error)}`, {
      cause: error,
    });
  }
}
