import type { ApiKey, Compute } from "../../sdk/index.ts";
import { apiKeyId } from "../../shared/api-key.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";
import type { Output } from "../output/output.ts";

export const command = defineCommand({
  options: clientOptions,
  positionals: [{ name: "KEY", help: "the keys to end, by name or id", repeat: true }],
  examples: [
    { line: "api-key revoke ci", does: "End one of your keys" },
    {
      line: "api-key revoke tnv_4kq0x7mz",
      does: "End a key by its id; owners and admins can end everybody's",
    },
  ],
  details: `The key's next call is refused, and what waits with it ends. Its jobs go on; a schedule that was made with it
stops making jobs.`,
  async run({ options, positionals, env, output }) {
    const compute = await connect(env, options);
    const ids = await idsOf(compute, positionals, output);
    for (const id of ids) await compute.apiKeys.revoke(id, patience(output));
    if (options.json) await output.json({ revoked: ids });
    else await output.note(`tanvrit-compute: revoked ${ids.join(", ")}`);
    return 0;
  },
});

/** Looks up names among one's own keys. Throws CliError `not_found`, before any key is ended. */
async function idsOf({ apiKeys }: Compute, wanted: readonly string[], output: Output): Promise<string[]> {
  const isId = (text: string) => apiKeyId.safeParse(text).success;
  const own: ApiKey[] = wanted.every(isId) ? [] : await Array.fromAsync(apiKeys.list(patience(output)));
  return wanted.map((text) => {
    if (isId(text)) return text;
    const found = own.find(({ name }) => name === text);
    if (found) return found.apiKeyId;
    throw new CliError("not_found", `you have no API key named ${text}`, {
      todo: "See tanvrit-compute api-key list",
    });
  });
}
