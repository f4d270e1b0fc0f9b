import { defineCommand } from "../command/command.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { SessionCredentials, tokenOf } from "../credentials/session.ts";
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
    const given = tokenOf(env);
    if (given !== undefined) {
      await (options.json ? output.json({ accessToken: given }) : output.result(given));
      return 0;
    }
    const { accessToken, accessTokenExpiresAt } = await new SessionCredentials(env, workspace).session(
      GOOD_FOR_MS,
    );
    if (options.json) await output.json({ accessToken, accessTokenExpiresAt });
    else await output.result(accessToken);
    return 0;
  },
});
