import { z } from "zod";
import { apiKeyName, MAX_API_KEY_SECONDS } from "../../shared/api-key.ts";
import { role } from "../../shared/auth.ts";
import { defineOptions, flagOption, optionNumber, optionText } from "../../shared/config/options.ts";
import { jobType } from "../../shared/job-fields.ts";
import { defineCommand } from "../command/command.ts";
import { lifetimeSeconds } from "../command/common-options.ts";
import { connect } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { describeKey } from "./describe-key.ts";

const upper = z.string().transform((text) => text.toUpperCase());

const options = defineOptions({
  name: {
    kind: "value",
    placeholder: "NAME",
    schema: z.string({ error: "is missing; give the key a name, like ci" }).pipe(apiKeyName),
    help: "What you call it; none of your other keys has this name",
  },
  expires: {
    kind: "value",
    placeholder: "TIME",
    schema: () => optionText.pipe(lifetimeSeconds(MAX_API_KEY_SECONDS, "ten years")),
    defaultText: "it does not expire",
    help: "How long it is valid, like 12h or 90d",
  },
  role: {
    kind: "value",
    placeholder: "ROLE",
    schema: () => role,
    defaultText: "your role",
    help: `The most it may do: ${role.options.join(", ")}`,
  },
  "read-only": flagOption("It may look at everything that its role may, and change nothing"),
  "max-jobs-per-hour": {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, max: 1_000_000, integer: true }),
    defaultText: "no limit",
    help: "Jobs in any 60 minutes; an array counts as many as it has",
  },
  "max-concurrent": {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, max: 1_000_000, integer: true }),
    defaultText: "no limit",
    help: "Its jobs that are not over",
  },
  "job-type": {
    kind: "list",
    placeholder: "TYPE",
    schema: () => z.array(upper.pipe(jobType)),
    help: `Only jobs of this type: ${jobType.options.join(", ")}`,
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [
    {
      line: "api-key create --name ci --role member --expires 90d",
      does: "A key for a build server, valid for 90 days",
    },
    { line: "api-key create --name dashboard --read-only", does: "A key that can only look" },
    {
      line: "api-key create --name nightly --max-jobs-per-hour 10 --job-type docker",
      does: "A key with limits",
    },
  ],
  details: `The key is printed on stdout, this one time; the server keeps only a hash. Programs send it as X-API-Key, or set
TANVRIT_API_KEY for this command. It acts as you, with your role at most, until you revoke it or leave the business. No key
can make or end keys, sign anybody in or out, register nodes or change who belongs to the business.`,
  async run({ options, env, output }) {
    const { apiKeys } = await connect(env, options);
    const made = await apiKeys.create({
      name: options.name,
      expiresInSeconds: options.expires,
      role: options.role,
      readOnly: options["read-only"],
      maxJobsPerHour: options["max-jobs-per-hour"],
      maxConcurrent: options["max-concurrent"],
      allowedJobTypes: options["job-type"] && [...new Set(options["job-type"])],
    });
    if (options.json) {
      await output.json(made);
      return 0;
    }
    await output.result(made.key);
    const what = describeKey(made).join(", ");
    await output.note(
      `tanvrit-compute: this is the API key ${made.name} (${made.apiKeyId}): ${what}. It is not shown again.`,
    );
    return 0;
  },
});
