import { counted } from "../../shared/counted.ts";
import { MAX_SECRETS } from "../../shared/secret.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { checkSecretName } from "./secret-names.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "NAME", help: "the secrets to delete", repeat: true }],
  examples: [{ line: "secret delete deploy-token netrc", does: "Delete two secrets" }],
  details:
    "Jobs that name a deleted secret fail when they start, with a reason that says so. It can be brought back for 30 days, see trash list.",
  async run({ options, positionals, env, output }) {
    const names = positionals.map(checkSecretName);
    const { secrets } = await connect(env, options);
    const deleted: string[] = [];
    const missing: string[] = [];
    for (let start = 0; start < names.length; start += MAX_SECRETS) {
      const some = await secrets.delete(names.slice(start, start + MAX_SECRETS), patience(output));
      deleted.push(...some.deleted);
      missing.push(...some.missing);
    }
    if (options.json) await output.json({ deleted, missing });
    for (const name of missing) await output.note(`tanvrit-compute: there is no secret ${name}`);
    if (!options.json) await output.note(`tanvrit-compute: ${counted(deleted.length, "secret")} deleted`);
    return missing.length > 0 ? exitCodes.notFound : exitCodes.ok;
  },
});
