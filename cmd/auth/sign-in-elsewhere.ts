import { ComputeClient } from "../../sdk/client.ts";
import { ServerProof } from "../../sdk/machine/server-proof.ts";
import { headersOf } from "../../sdk/token-credentials.ts";
import type { Env } from "../../shared/config/home.ts";
import { isLoopbackUrl } from "../../shared/url.ts";
import type { AuthorizationServer, GrantedTokens } from "../oauth/authorization-server.ts";
import { hasDisplay } from "../oauth/open-browser.ts";
import type { Output } from "../output/output.ts";
import type { ChosenWorkspace } from "../workspace/workspaces.ts";
import type { SignIn } from "./sign-in.ts";

interface Wanted {
  asked: "browser" | "device" | undefined;
  business: string | undefined;
  /** Looks once more for a server of this account, which may have started since the first look. */
  orHere: (() => Promise<SignIn | undefined>) | undefined;
}

/** Signs in to a server that this account does not run, in a browser, and to a business there: by default the one chosen in it. */
export async function signInElsewhere(
  env: Env,
  output: Output,
  workspace: ChosenWorkspace,
  { asked, business, orHere }: Wanted,
): Promise<SignIn> {
  const { url } = workspace;
  const proof = workspace.proof ?? firstProof(workspace);
  const way = asked ?? (hasDisplay(env) ? "browser" : "device");
  const { AuthorizationServer } = await import("../oauth/authorization-server.ts");
  const server = await AuthorizationServer.find(new ComputeClient({ url, proof }));
  const here = await orHere?.();
  if (here) return here;
  if (asked === undefined && isLoopbackUrl(url)) {
    await output.note(
      `No server of your account is at ${url}. Go on only if you know whose server answers there.`,
    );
  }
  const granted = await grantOf(way, server, env, output);
  const client = new ComputeClient({
    url,
    proof,
    credentials: { headers: () => headersOf(granted.accessToken) },
  });
  const tokens = await inBusiness(client, granted, business);
  return { way, url, serverKey: proof.key, pin: proof.pin, tokens };
}

/** Learns the key of a server that is met for the first time. */
export function firstProof({ url, known }: ChosenWorkspace): ServerProof {
  const todo =
    "If the server was set up again, sign in under another name with --workspace; otherwise find out what listens there";
  return new ServerProof({ url, key: known?.url === url ? known.serverKey : undefined, todo });
}

async function grantOf(
  way: "browser" | "device",
  server: AuthorizationServer,
  env: Env,
  output: Output,
): Promise<GrantedTokens> {
  if (way === "device") return (await import("../oauth/by-device.ts")).signInByDevice(server, output);
  return (await import("../oauth/by-browser.ts")).signInByBrowser(server, env, output);
}

/** The tokens with whose they are; in another business of the person if one is wanted. */
async function inBusiness(client: ComputeClient, granted: GrantedTokens, wanted: string | undefined) {
  const identity = await client.call("auth.whoami", {});
  if (wanted === undefined || [identity.businessName, identity.businessId].includes(wanted)) {
    return { ...granted, identity };
  }
  const { refreshToken } = granted;
  const { revokeSession } = await import("../oauth/refresh.ts");
  try {
    return await client.call("auth.switch", { refreshToken, business: wanted });
  } finally {
    // Nobody keeps the first session. If it cannot be ended now, it ends by itself.
    await revokeSession(client, granted).catch(() => undefined);
  }
}
