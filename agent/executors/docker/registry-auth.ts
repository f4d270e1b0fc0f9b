import { readFileSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "../../../shared/code-of.ts";
import { DOCKER_HUB, type ImageName, registryHost } from "../../../shared/image-name.ts";
import { own } from "../../../shared/own.ts";
import { Strays } from "../../keeper/strays.ts";
import { ChildOutput } from "../../process/child-output.ts";
import { toolEnvironment } from "../../process/environment.ts";
import { StartFailedError } from "../port/executor.ts";
import { dockerConfigDir } from "./endpoint.ts";
import type { RegistryLogin, RegistryLogins } from "./settings.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** Credentials for a registry. Must never be logged, except `of`. */
export interface RegistryAuth {
  /** The value of X-Registry-Auth. */
  header: string;
  /** The origin of the login, for people. */
  of: string;
}

const HELPER_TIMEOUT_MS = 10_000;
/** A credential helper returns this in place of a name if the secret is a token from the registry. */
const TOKEN_USER = "<token>";

interface Secret {
  username: string;
  password: string;
}

/**
 * The login for pulling an image: the one that the job names, or else the one for the image's registry in this machine's
 * docker configuration. undefined: none, which is enough for public images. Throws StartFailedError.
 */
export async function registryAuth(
  image: ImageName,
  loginName: string | undefined,
  logins: RegistryLogins,
  env: Env,
): Promise<RegistryAuth | undefined> {
  if (loginName !== undefined) {
    const login = own(logins, loginName);
    if (!login) {
      throw new StartFailedError(
        `The job pulls with the login ${loginName}, which this node does not have: it is missing below registries in agent.yaml.`,
      );
    }
    return { header: namedLogin(loginName, login, image, env), of: `login ${loginName}` };
  }
  const secret = await configuredLogin(image.registry, withoutPasswords(env, logins));
  if (!secret) return undefined;
  return { header: encode(secret, image.registry), of: `this node's own login for ${image.registry}` };
}

function namedLogin(name: string, login: RegistryLogin, image: ImageName, env: Env): string {
  // A password must go only to its own registry.
  if (registryHost(login.server) !== image.registry) {
    throw new StartFailedError(
      `The login ${name} is for ${login.server}, but the image comes from ${image.registry}.`,
    );
  }
  const { username, passwordFile, passwordEnv } = login;
  if (passwordEnv !== undefined) {
    const password = env[passwordEnv];
    if (password) return encode({ username, password }, image.registry);
    throw new StartFailedError(
      `The login ${name} cannot be used: the agent's environment has no variable ${passwordEnv}.`,
    );
  }
  try {
    const password = readFileSync(passwordFile ?? "", "utf8").replace(/\r?\n$/, "");
    return encode({ username, password }, image.registry);
  } catch (error) {
    const code = codeOf(error);
    throw new StartFailedError(`The login ${name} cannot be used: ${passwordFile} cannot be read (${code}).`);
  }
}

/** A credential helper must not see the passwords of other logins. */
function withoutPasswords(env: Env, logins: RegistryLogins): Env {
  const names = new Set(Object.values(logins).map(({ passwordEnv }) => passwordEnv));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)));
}

interface DockerConfig {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

/** The credentials that `docker login` stored on this machine for a registry. */
async function configuredLogin(registry: string, env: Env): Promise<Secret | undefined> {
  const config = readConfig(join(dockerConfigDir(env), "config.json"));
  const key = Object.keys(config.auths ?? {}).find((server) => registryHost(server) === registry);
  const helper = helperFor(registry, config);
  if (helper) {
    const found = await askHelper(helper, key ?? serverKey(registry), env);
    if (found) return found;
  }
  const entry = key === undefined ? undefined : own(config.auths ?? {}, key);
  if (!entry) return undefined;
  if (entry.identitytoken) return { username: TOKEN_USER, password: entry.identitytoken };
  if (entry.username && entry.password) return { username: entry.username, password: entry.password };
  const [username = "", ...password] = Buffer.from(entry.auth ?? "", "base64")
    .toString()
    .split(":");
  return username && password.length > 0 ? { username, password: password.join(":") } : undefined;
}

function readConfig(path: string): DockerConfig {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as DockerConfig;
  } catch {
    // No login on this machine; docker itself would go on without one, too.
    return {};
  }
}

function helperFor(registry: string, config: DockerConfig): string | undefined {
  const key = Object.keys(config.credHelpers ?? {}).find((server) => registryHost(server) === registry);
  return (key && own(config.credHelpers ?? {}, key)) || config.credsStore;
}

/** The key under which `docker login` stores the login for a registry; Docker Hub has a special one. */
function serverKey(registry: string): string {
  return registry === DOCKER_HUB ? "https://index.docker.io/v1/" : registry;
}

/** Asks a credential helper: server on stdin, login as JSON on stdout. undefined: it failed, because it has none. */
async function askHelper(helper: string, server: string, env: Env): Promise<Secret | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper)) return undefined;
  const program = Bun.which(`docker-credential-${helper}`, { PATH: env.PATH ?? "" });
  if (!program) return undefined;
  const child = Bun.spawn([program, "get"], {
    stdin: new Blob([server]),
    stdout: "pipe",
    stderr: "ignore",
    // Jobs of the same account can read this environment while the helper runs.
    env: toolEnvironment(env),
    timeout: HELPER_TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  Strays.ofThisProcess.helperBegan(child.pid);
  const said = new ChildOutput(child.stdout);
  const exitCode = await child.exited;
  Strays.ofThisProcess.helperEnded(child.pid);
  await said.rest();
  said.stop();
  if (exitCode !== 0) return undefined;
  try {
    const { Username, Secret } = JSON.parse(said.text) as { Username?: string; Secret?: string };
    return Username && Secret ? { username: Username, password: Secret } : undefined;
  } catch {
    // A helper with a broken answer has no login to give; the registry's refusal will be reported.
    return undefined;
  }
}

function encode({ username, password }: Secret, registry: string): string {
  const server = { serveraddress: serverKey(registry) };
  const auth =
    username === TOKEN_USER ? { identitytoken: password, ...server } : { username, password, ...server };
  const text = Buffer.from(JSON.stringify(auth)).toString("base64url");
  // Engines only accept the padded form.
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}
