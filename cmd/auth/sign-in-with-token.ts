import { decodeJwt } from "jose";
import { ComputeClient } from "../../sdk/client.ts";
import { ComputeError } from "../../sdk/errors.ts";
import { headersOf, isToken } from "../../sdk/token-credentials.ts";
import { CliError } from "../exit/failure.ts";
import { readHiddenLine } from "../input/hidden-line.ts";
import { isTerminal } from "../input/is-terminal.ts";
import { readBytes } from "../input/read-file.ts";
import type { Output } from "../output/output.ts";
import type { ChosenWorkspace } from "../workspace/workspaces.ts";
import type { SignIn } from "./sign-in.ts";
import { firstProof } from "./sign-in-elsewhere.ts";

const STDIN = 0;
/** An access token or an API key has a few hundred bytes. */
const MAX_BYTES = 64 * 1_024;
const WHAT_TO_GIVE =
  "Give an access token, as printed by tanvrit-compute auth print-token where you are signed in, or an API key";

/** Signs in with an access token or an API key from standard input, after asking the server whose it is. */
export async function signInWithToken(
  output: Output,
  workspace: ChosenWorkspace,
  business: string | undefined,
): Promise<SignIn> {
  const token = await readToken(output);
  const { url } = workspace;
  const proof = workspace.proof ?? firstProof(workspace);
  const client = new ComputeClient({ url, proof, credentials: { headers: () => headersOf(token) } });
  const identity = await client.call("auth.whoami", {}).catch((error: unknown) => {
    if (!(error instanceof ComputeError) || error.status !== 401) throw error;
    const why = error.message.replace(/( Sign in again)?\.$/, "");
    throw new CliError("not_signed_in", `${url} refuses the token: ${why}`, { todo: WHAT_TO_GIVE });
  });
  if (business !== undefined && ![identity.businessName, identity.businessId].includes(business)) {
    throw new CliError("usage", `this token is for ${identity.businessName}, not for ${business}`, {
      todo: `Use a token or an API key for ${business}`,
    });
  }
  const tokens = { accessToken: token, accessTokenExpiresAt: expiryOf(token), identity };
  return { way: "token", url, serverKey: proof.key, pin: proof.pin, tokens };
}

async function readToken(output: Output): Promise<string> {
  const ask = () => output.writeError("Access token or API key (not shown): ");
  const bytes = isTerminal(STDIN)
    ? await readHiddenLine(ask, () => output.writeError("\n"))
    : await readBytes("-", MAX_BYTES);
  const token = Buffer.from(bytes).toString("utf8").trim();
  if (isToken(token)) return token;
  throw new CliError(
    "bad_data",
    token === "" ? "there is no token on standard input" : "this is not one token alone",
    { todo: WHAT_TO_GIVE },
  );
}

/** undefined for an API key: only the server knows. */
function expiryOf(token: string): string | undefined {
  try {
    const { exp } = decodeJwt(token);
    return exp === undefined ? undefined : new Date(exp * 1_000).toISOString();
  } catch {
    return undefined;
  }
}
