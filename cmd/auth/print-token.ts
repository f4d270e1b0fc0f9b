import { isApiKey } from "../../sdk/token-credentials.ts";
import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { givenToken } from "../credentials/given.ts";
import { SessionCredentials } from "../credentials/session.ts";
import { CliError } from "../exit/failure.ts";
import { chooseWorkspace } from "../workspace/workspaces.ts";
import { isInsideJob } from "./inside-job.ts";

/** The receiver of a token cannot renew it, so a token that expires soon is of little use. */
const GOOD_FOR_MS = 10 * 60_000;

export const command = defineCommand({
  options: clientOptions,
  examples: [
    {
      line: "auth print-token",
      does: 'For curl: -H "Authorization: Bearer $(tanvrit-compute auth print-token)"',
    },
  ],
  details: `The token is valid for 10 to 15 minutes; run the command again for a new one. Anyone who has it can do what you
can. A job cannot get one.`,
  async run({ options, env, output }) {
    if (isInsideJob(env)) {
      throw new CliError("not_signed_in", "a job cannot get a token of the person whose machine it runs on", {
        todo: "Give the job a token of its own, as a variable or a secret",
      });
    }
    const workspace = await chooseWorkspace(env, options);
    const given = givenToken(env);
    const { accessToken, accessTokenExpiresAt } = given
      ? { accessToken: await given.token() }
      : await new SessionCredentials(env, workspace).session(GOOD_FOR_MS);
    if (isApiKey(accessToken)) {
      throw new CliError("usage", "this sign-in is an API key, which has no token", {
        todo: "Send the key itself, in the header X-API-Key, or sign in with tanvrit-compute auth login",
      });
    }
    if (options.json) await output.json({ accessToken, accessTokenExpiresAt });
    else await output.result(accessToken);
    return 0;
  },
});
