import type { SentRequest } from "../../sdk/credentials.ts";
import type { ComputeError } from "../../sdk/errors.ts";
import { TokenFile } from "../../sdk/machine/token-file.ts";
import { isApiKey, isToken, TokenCredentials, type TokenSource } from "../../sdk/token-credentials.ts";
import type { Env } from "../../shared/config/home.ts";
import { NotSignedInError } from "./not-signed-in.ts";

const TODOS = {
  TANVRIT_TOKEN:
    "Set TANVRIT_TOKEN to the output of tanvrit-compute auth print-token, or unset it to use the workspace's own sign-in",
  TANVRIT_TOKEN_FILE:
    "Have a new token written to the file, or unset TANVRIT_TOKEN_FILE to use the workspace's own sign-in",
  TANVRIT_API_KEY:
    "Set TANVRIT_API_KEY to a key of yours, or unset it to use the workspace's own sign-in; tanvrit-compute api-key list shows your keys",
} as const;
export type GivenVariable = keyof typeof TODOS;

/** A token or an API key from the environment, which is used in place of a sign-in. */
export interface GivenToken extends TokenSource {
  variable: GivenVariable;
  /** Of the file that has it. */
  path?: string;
}

/** The first of TANVRIT_TOKEN, TANVRIT_TOKEN_FILE and TANVRIT_API_KEY that is set. An empty value counts as unset. */
export function givenToken(env: Env): GivenToken | undefined {
  for (const variable of Object.keys(TODOS) as GivenVariable[]) {
    const value = env[variable]?.trim();
    if (!value) continue;
    if (variable !== "TANVRIT_TOKEN_FILE") return { variable, token: async () => value };
    const file = new TokenFile(value);
    return { variable, path: value, token: () => file.token(), hasChanged: () => file.hasChanged() };
  }
  return undefined;
}

/** Uses the token unchanged: it cannot be renewed here. A wait for a job outlives it by a ticket. */
export class GivenCredentials extends TokenCredentials {
  constructor(private readonly given: GivenToken) {
    super(given);
  }

  override async headers(request?: SentRequest): Promise<Record<string, string>> {
    const token = await this.given.token();
    if (!isToken(token)) throw this.refused("unauthenticated", "contains characters that no token has");
    if (this.given.variable === "TANVRIT_API_KEY" && !isApiKey(token)) {
      throw this.refused("unauthenticated", "is not an API key: those begin with tnv_");
    }
    return super.headers(request);
  }

  override async renew(why: ComputeError): Promise<boolean> {
    if (await super.renew(why)) return true;
    if (why.code === "token_expired") throw this.refused(why.code, "has expired");
    // The server says whether a key was revoked or has expired.
    const isKey = this.given.variable === "TANVRIT_API_KEY" && why.code === "unauthenticated";
    const said = isKey ? `is refused: ${why.message.replace(/\.$/, "")}` : "is not valid on this server";
    throw this.refused("unauthenticated", said);
  }

  private refused(code: "unauthenticated" | "token_expired", what: string): NotSignedInError {
    const { variable } = this.given;
    const which = variable === "TANVRIT_TOKEN_FILE" ? "the token in TANVRIT_TOKEN_FILE" : variable;
    return new NotSignedInError(code, `${which} ${what}`, TODOS[variable]);
  }
}
