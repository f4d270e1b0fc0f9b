import { z } from "zod";
import type { ComputeClient } from "../../sdk/client.ts";
import { emailAddress } from "../../shared/auth.ts";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";
import { PasswordPrompt } from "./passwords.ts";

const options = defineOptions({
  forgot: {
    kind: "flag",
    schema: z.boolean().default(false),
    help: "Ask for a code that comes by mail, in place of the current password",
  },
  email: {
    kind: "value",
    placeholder: "ADDRESS",
    schema: () => optionText.pipe(emailAddress()),
    defaultText: "the one you have",
    help: "The email address that you sign in with",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [
    { line: "auth password --email anna@example.org", does: "Set your address and your password" },
    { line: "auth password", does: "Change your password" },
    { line: "auth password --forgot", does: "Set a new password with a code that comes by mail" },
  ],
  details: `Asks for the password without showing it; if you have one, first for that. With the address and the password you
can sign in from other machines, in a browser. From a pipe, each password is a line: the current one, if you have one,
and then the new one.`,
  async run({ options, env, output }) {
    const { client } = await connect(env, options);
    const account = await client.call("auth.account", {});
    const email = options.email ?? account.email;
    if (email === undefined) {
      throw new CliError("bad_data", "you have no email address yet, and people sign in with one", {
        todo: "Add --email ADDRESS",
      });
    }
    const prompt = new PasswordPrompt(output);
    const currentPassword = account.hasPassword
      ? await currentOr(options.forgot, account.email, { client, prompt, output })
      : undefined;
    const newPassword = await prompt.askNew("New password");
    if (email !== account.email) await client.call("auth.set-email", { email, currentPassword });
    await client.call("auth.set-password", { newPassword, currentPassword });
    if (options.json) await output.json({ user: account.userName, email });
    else await output.note(`The password of ${account.userName} is set. Sign in as ${email}.`);
    return 0;
  },
});

/** The current password, or the code that comes to the address of somebody who has forgotten it. */
async function currentOr(
  forgot: boolean,
  email: string | undefined,
  { client, prompt, output }: { client: ComputeClient; prompt: PasswordPrompt; output: Output },
): Promise<string> {
  if (!forgot || email === undefined) return prompt.ask("Current password");
  await client.call("auth.request-otp", { email });
  await output.note(`A code is on its way to ${email}.`);
  return prompt.ask("Code from the mail");
}
