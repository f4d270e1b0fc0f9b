import { join } from "node:path";
import { ComputeClient } from "../../sdk/client.ts";
import { ComputeError } from "../../sdk/errors.ts";
import { type Env, homeIfAny } from "../../shared/config/home.ts";
import {
  accountLists,
  type LocalAnswer,
  type LocalRequest,
  type LocalServer,
  listedServers,
  localAnswer,
  signInDirectory,
} from "../../shared/sockets/local-server.ts";
import { isLoopbackUrl } from "../../shared/url.ts";
import { ask, type Place, placeOf } from "../connection/local-socket.ts";
import { CliError } from "../exit/failure.ts";

export type SignedIn = Extract<LocalAnswer, { ok: true }>;

const PROBE_LIMIT_MS = 2_000;
const TOKEN_TODO = "set TANVRIT_TOKEN to the output of tanvrit-compute auth print-token there";

/**
 * Signs in to a server of this account on this machine through its socket: the kernel tells each end which account the
 * other end runs as. Without a URL, it is the server of the data directory. Throws CliError or ComputeError if there is
 * none.
 */
export async function signInHere(
  env: Env,
  wanted: { url: string | undefined; dataDir: string | undefined; business: string; user: string },
): Promise<SignedIn> {
  const { dataDir, business, user } = wanted;
  const place = dataDir === undefined ? ownPlace(env) : placeOf(dataDir);
  const found = place.lists.flatMap((list) => listedServers(list, place.owner)).map(({ server }) => server);
  const url = wanted.url ?? found[0]?.urls[0];
  if (url === undefined) throw nothingIn(dataDir);
  for (const server of found.filter((one) => isAt(one, url))) {
    const answer = await ask(
      server.socket,
      { url, business, user } satisfies LocalRequest,
      place.owner,
      localAnswer,
    );
    if (answer?.ok) return answer;
    if (answer) throw new ComputeError(answer.code, answer.why);
  }
  throw await whyNone(url, found);
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

async function whyNone(url: string, found: readonly LocalServer[]): Promise<Error> {
  const { port } = new URL(url);
  const near = found.flatMap(({ urls }) => urls).find((own) => new URL(own).port === port);
  if (near !== undefined && near !== url && isLoopbackUrl(url)) {
    const why = `your server with port ${port} is at ${near}; ${url} may be another account's`;
    return new CliError("not_signed_in", why, { todo: `Sign in with --url ${near}` });
  }
  if (!isLoopbackUrl(url)) {
    return new CliError(
      "not_signed_in",
      `${url} is another machine, and only same-machine sign-in exists so far`,
      {
        todo: `Sign in on that machine, and here ${TOKEN_TODO}`,
      },
    );
  }
  // If nothing answers at all, report that first.
  await new ComputeClient({ url })
    .call("auth.whoami", {}, { timeoutMs: PROBE_LIMIT_MS })
    .catch((error: unknown) => {
      if (!(error instanceof ComputeError)) throw error;
    });
  return new CliError("not_signed_in", `what answers at ${url} is not a server of your account`, {
    todo: `Sign in as the account that runs it; as root, name its directory with --data-dir; or ${TOKEN_TODO}`,
  });
}
