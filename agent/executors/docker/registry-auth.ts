import { readFileSync } from "node:fs";
import { join } from "node:path";
import { DOCKER_HUB, type ImageName, registryHost } from "../../../shared/image-name.ts";
import { own } from "../../../shared/own.ts";
import { Strays } from "../../keeper/strays.ts";
import { ChildOutput } from "../../process/child-output.ts";
import { toolEnvironment } from "../../process/environment.ts";
import { StartFailedError } from "../port/executor.ts";
import { dockerConfigDir } from "./endpoint.ts";
import type { RegistryLogin, RegistryLogins } from "./settings.ts";

type Env = Readonly<Record<string, string | undefined>>;

/** What a registry is shown. Never logged; only `of` may be told to people. */
export interface RegistryAuth {
  /** The value of X-Registry-Auth. */
  header: string;
  /** Whose login it is, for people. */
  of: string;
}

const HELPER_TIMEOUT_MS = 10_000;
/** What a credential helper gives in place of a name where the secret is a token of the registry's own. */
const TOKEN_USER = "<token>";

interface Secret {
  username: string;
  password: string;
}

/**
 * The login to pull an image with: the one the job names, else what the machine's docker configuration has for the
 * image's registry. undefined: none, as public images need. Throws StartFailedError.
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
        `The job pulls with the login ${loginName}, which this node's agent.yaml does not have below registries.`,
      );
    }
    return { header: namedLogin(loginName, login, image, env), of: `login ${loginName}` };
  }
  const secret = await configuredLogin(image.registry, withoutPasswords(env, logins));
  if (!secret) return undefined;
  return { header: encode(secret, image.registry), of: `this node's own login for ${image.registry}` };
}

function namedLogin(name: string, login: RegistryLogin, image: ImageName, env: Env): string {
  // A password goes to nobody but the registry it is for.
  if (registryHost(login.server) !== image.registry) {
    throw new StartFailedError(
      `The login ${name} is for ${login.server}, but the image comes from ${image.registry}.`,
    );
  }
  const { username, passwordFile, passwordEnv } = login;
  if (passwordEnv !== undefined) {
    const password = env[passwordEnv];
    if (password) return encode({ username, password }, image.registry);
    throw new StartFailedError(`The login ${name} cannot be used: the agent has no variable ${passwordEnv}.`);
  }
  try {
    const password = readFileSync(passwordFile ?? "", "utf8").replace(/\r?\n$/, "");
    return encode({ username, password }, image.registry);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new StartFailedError(`The login ${name} cannot be used: ${passwordFile} cannot be read (${code}).`);
  }
}

/** The passwords of other logins are no business of a helper's. */
function withoutPasswords(env: Env, logins: RegistryLogins): Env {
  const names = new Set(Object.values(logins).map(({ passwordEnv }) => passwordEnv));
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.has(name)));
}

interface DockerConfig {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

/** What `docker login` has left on this machine for a registry. */
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
    // Nobody has logged in here; docker itself would do without, too.
    return {};
  }
}

function helperFor(registry: string, config: DockerConfig): string | undefined {
  const key = Object.keys(config.credHelpers ?? {}).find((server) => registryHost(server) === registry);
  return (key && own(config.credHelpers ?? {}, key)) || config.credsStore;
}

/** Under this name `docker login` keeps Docker Hub's. */
function serverKey(registry: string): string {
  return registry === DOCKER_HUB ? "https://index.docker.io/v1/" : registry;
}

/** Speaks the helpers' protocol: the server on stdin, the login as JSON on stdout, a failure where there is none. */
async function askHelper(helper: string, server: string, env: Env): Promise<Secret | undefined> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper)) return undefined;
  const program = Bun.which(`docker-credential-${helper}`, { PATH: env.PATH ?? "" });
  if (!program) return undefined;
  const child = Bun.spawn([program, "get"], {
    stdin: new Blob([server]),
    stdout: "pipe",
    stderr: "ignore",
    // Jobs of this account can read it while the helper runs.
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
    // A helper that says nothing sensible has no login to give; the registry's refusal will be told.
    return undefined;
  }
}

function encode({ username, password }: Secret, registry: string): string {
  const server = { serveraddress: serverKey(registry) };
  const auth =
    username === TOKEN_USER ? { identitytoken: password, ...server } : { username, password, ...server };
  const text = Buffer.from(JSON.stringify(auth)).toString("base64url");
  // Engines read the padded form alone.
  return text + "=".repeat((4 - (text.length % 4)) % 4);
}
