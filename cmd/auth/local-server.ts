import { join } from "node:path";
import type { z } from "zod";
import { ComputeError } from "../../sdk/errors.ts";
import { seeCertificate } from "../../sdk/machine/see-certificate.ts";
import type { TokenSet } from "../../shared/auth.ts";
import { type Env, homeIfAny } from "../../shared/config/home.ts";
import type { ErrorCode } from "../../shared/errors.ts";
import type { ServerPin } from "../../shared/server-pin.ts";
import {
  accountLists,
  type LocalRequest,
  type LocalServer,
  listedServers,
  localAnswer,
  signInDirectory,
} from "../../shared/sockets/local-server.ts";
import { isLoopbackUrl } from "../../shared/url.ts";
import { ask, type Place, placeOf } from "../connection/local-socket.ts";
import { CliError } from "../exit/failure.ts";
import type { SignIn } from "./sign-in.ts";

/**
 * Signs in to a server of this account on this machine through its socket: the kernel tells each end which account the
 * other end runs as. Without a URL, it is the server of the data directory. undefined: no server of this account is at the
 * URL. Throws CliError or ComputeError if it cannot be or must not be looked for elsewhere.
 */
export async function signInHere(
  env: Env,
  wanted: { url: string | undefined; dataDir: string | undefined; business: string; user: () => string },
): Promise<(SignIn & { tokens: TokenSet }) | undefined> {
  const { business, user } = wanted;
  const request = (url: string): LocalRequest => ({ url, business, user: user() });
  const answer = await askHere(env, wanted, request, localAnswer);
  if (!answer) return undefined;
  const { url, serverKey, pin, tokens } = answer;
  return { way: "same machine", url, serverKey, pin: pin && (await pinAt(url, pin)), tokens };
}

/**
 * Asks a server of this account on this machine. Without a URL, it is the server of the data directory. undefined: no server
 * of this account is at the URL. Throws CliError or ComputeError if it refuses, or must not be looked for elsewhere.
 */
export async function askHere<Answer extends { ok: true } | { ok: false; code: ErrorCode; why: string }>(
  env: Env,
  wanted: { url: string | undefined; dataDir: string | undefined },
  request: (url: string) => object,
  schema: z.ZodType<Answer>,
): Promise<Extract<Answer, { ok: true }> | undefined> {
  const { dataDir } = wanted;
  const place = dataDir === undefined ? ownPlace(env) : placeOf(dataDir);
  const found = place.lists.flatMap((list) => listedServers(list, place.owner)).map(({ server }) => server);
  const url = wanted.url ?? found[0]?.urls[0];
  if (url === undefined) throw nothingIn(dataDir);
  for (const server of found.filter((one) => isAt(one, url))) {
    const answer = await ask(server, request(url), place.owner, schema);
    if (answer?.ok) return answer as Extract<Answer, { ok: true }>;
    if (answer) throw new ComputeError(answer.code, answer.why);
  }
  if (dataDir !== undefined) throw nothingIn(dataDir);
  refuseNear(url, found);
  return undefined;
}

/** A proxy may show another certificate at the server's public URL; one that an authority signed needs no pin. */
async function pinAt(url: string, pin: ServerPin): Promise<ServerPin | undefined> {
  if (isLoopbackUrl(url)) return pin;
  // If nothing can be seen, the first command says why.
  const seen = await seeCertificate(url).catch(() => undefined);
  return seen?.isSigned ? undefined : pin;
}

function ownPlace(env: Env): Place {
  const home = homeIfAny(env);
  const ofDefaultDirectory = home === undefined ? [] : [signInDirectory(join(home, "server"))];
  return { lists: [...accountLists(home), ...ofDefaultDirectory], owner: process.getuid?.() };
}

/**
 * `localhost` stands for several addresses. Here it means the address that the server has; and `http:` means `https:` if
 * the server speaks TLS.
 */
function isAt({ urls }: LocalServer, url: string): boolean {
  if (urls.includes(url) || urls.includes(url.replace(/^http:/, "https:"))) return true;
  const { hostname, port } = new URL(url);
  const isAnyLoopback = hostname === "localhost";
  return isAnyLoopback && urls.some((own) => isLoopbackUrl(own) && new URL(own).port === port);
}

function nothingIn(dataDir: string | undefined): CliError {
  return new CliError("unreachable", `no server of this account uses the data directory ${dataDir}`, {
    todo: "Start it, or name its data directory with --data-dir",
  });
}

/** An address of this machine that is not the one of this account's server, but has its port, may be another account's. */
function refuseNear(url: string, found: readonly LocalServer[]): void {
  const { port } = new URL(url);
  const near = found.flatMap(({ urls }) => urls).find((own) => new URL(own).port === port);
  if (near === undefined || near === url || !isLoopbackUrl(url)) return;
  const why = `your server with port ${port} is at ${near}; ${url} may be another account's`;
  throw new CliError("not_signed_in", why, { todo: `Sign in with --url ${near}` });
}
