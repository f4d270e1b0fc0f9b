import type { KnownPin } from "../../sdk/machine/pinned-fetch.ts";
import { ServerProof } from "../../sdk/machine/server-proof.ts";
import { type Env, homeIfAny } from "../../shared/config/home.ts";
import type { ServerPin } from "../../shared/server-pin.ts";
import { isLoopbackUrl } from "../../shared/url.ts";
import { CliError } from "../exit/failure.ts";
import type { Workspace } from "./workspaces.ts";

/** What a person said about the connection. */
export interface GivenTrust {
  /** The fingerprint of the server's certificate. */
  fingerprint?: string | undefined;
  /** Whether plain HTTP may leave this machine. */
  "insecure-http"?: boolean | undefined;
}

/** Throws CliError if requests to this URL could be read and changed on the way, and nobody allowed that. */
export function refusePlainHttp(url: string, given: GivenTrust, known?: Workspace): void {
  if (!url.startsWith("http:") || isLoopbackUrl(url) || given["insecure-http"]) return;
  if (known?.url === url && known.insecureHttp) return;
  throw new CliError(
    "bad_configuration",
    `${url} is plain HTTP: others on the network could read and change everything, tokens included. Nothing was sent`,
    {
      todo: `Use ${url.replace(/^http:/, "https:")}, or allow it with --insecure-http (TANVRIT_INSECURE_HTTP=1) if you trust every machine on the way`,
    },
  );
}

/** How the server at this URL is recognized; undefined: only by an authority that signed its certificate, or not at all. */
export async function proofOf(
  env: Env,
  name: string,
  url: string,
  known: Workspace | undefined,
  given: GivenTrust,
): Promise<ServerProof | undefined> {
  const ofUrl = known && mayBeSame(url, known.url) ? known : undefined;
  const pin = await pinOf(env, url, ofUrl, given);
  if (ofUrl?.serverKey === undefined && !pin) return undefined;
  const login = `tanvrit-compute auth login --workspace ${name}`;
  const todo = pin
    ? `If the server was set up again, compare that with what tanvrit-compute server fingerprint prints on its machine, and sign in again with ${login} --url ${url} --fingerprint SHA256:…; otherwise find out what listens there`
    : `If the server was set up again, sign in again with ${login}; otherwise find out what listens there`;
  const latestPin = async () => (given.fingerprint === undefined ? pinOfServerHere(env, url) : undefined);
  return new ServerProof({ url, key: ofUrl?.serverKey, pin, latestPin, todo });
}

async function pinOf(
  env: Env,
  url: string,
  known: Workspace | undefined,
  { fingerprint }: GivenTrust,
): Promise<KnownPin | undefined> {
  if (!url.startsWith("https:")) return undefined;
  if (fingerprint === undefined) return known?.pin ?? pinOfServerHere(env, url);
  return known?.pin?.fingerprint === fingerprint ? known.pin : { fingerprint };
}

/**
 * The certificate of a server of this account on this machine, which may have got another key since the sign-in. The list of
 * such servers belongs to this account alone.
 */
async function pinOfServerHere(env: Env, url: string): Promise<ServerPin | undefined> {
  const { accountLists, listedServers } = await import("../../shared/sockets/local-server.ts");
  const uid = process.getuid?.();
  const servers = accountLists(homeIfAny(env)).flatMap((list) => listedServers(list, uid));
  return servers.find(({ server }) => server.urls.includes(url))?.server.pin;
}

/** True also for another loopback address with the same port: a slip, or another account's program. */
function mayBeSame(url: string, known: string): boolean {
  if (url === known) return true;
  return isLoopbackUrl(url) && isLoopbackUrl(known) && new URL(url).port === new URL(known).port;
}
