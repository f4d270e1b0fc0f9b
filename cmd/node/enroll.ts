import { z } from "zod";
import { labelPairs } from "../../shared/config/label-option.ts";
import { defineOptions, optionNumber, optionText } from "../../shared/config/options.ts";
import { durationMs } from "../../shared/duration.ts";
import { MAX_ENROLMENT_SECONDS, MAX_ENROLMENT_USES } from "../../shared/enrolment.ts";
import { pool } from "../../shared/job-fields.ts";
import { isLoopbackUrl } from "../../shared/url.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { formatTime, inWords } from "./describe-enrolment.ts";

const MIN_SECONDS = 60;

/** `1h` in seconds. */
const ttlSeconds = z.string().transform((text, context) => {
  const seconds = Math.round((durationMs(text) ?? 0) / 1_000);
  if (seconds >= MIN_SECONDS && seconds <= MAX_ENROLMENT_SECONDS) return seconds;
  context.addIssue({ code: "custom", message: "must be a time from 1m to 30d, like 15m, 1h or 7d" });
  return z.NEVER;
});

const options = defineOptions({
  ttl: {
    kind: "value",
    placeholder: "TIME",
    schema: () => optionText.pipe(ttlSeconds),
    defaultText: "1h",
    help: "How long machines may register with it, like 15m, 1h or 7d, at most 30d",
  },
  uses: {
    kind: "value",
    placeholder: "N",
    schema: () => optionNumber({ min: 1, max: MAX_ENROLMENT_USES, integer: true }),
    defaultText: "1",
    help: "How many machines may register with it",
  },
  pool: {
    kind: "value",
    placeholder: "POOL",
    schema: () => pool().unwrap(),
    help: "The pool of these nodes",
  },
  label: {
    kind: "list",
    placeholder: "KEY=VALUE",
    schema: labelPairs,
    help: "A label of these nodes",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  examples: [
    { line: "node enroll", does: "For one machine, within the next hour" },
    {
      line: "node enroll --ttl 7d --uses 50 --pool farm --label rack=4",
      does: "For the machines of a farm, which all get this pool and label",
    },
  ],
  details: `Prints the token, and only now. Give it to a machine without a person: agent run --enroll TOKEN --url URL. The agent
registers once, and has a key of its own from then on: it outlives the token, your sign-in and restarts. The pool and
the labels come from the token; what else the machine announces waits for node grant. Owners and admins may do this.`,
  async run({ options, env, output }) {
    const compute = await connect(env, options);
    const { ttl, uses, pool, label } = options;
    const input = { ttlSeconds: ttl, uses, pool, labels: label };
    const made = await compute.enrolments.create(input, patience(output));
    if (options.json) {
      await output.json(made);
      return 0;
    }
    await output.result(made.token);
    await output.note(
      `${made.enrolmentId}, ${inWords(made)}, valid until ${formatTime(made.expiresAt)}. It is shown only once. On the machine:`,
    );
    const fingerprint = compute.fingerprint();
    const known = fingerprint === undefined ? "" : ` --fingerprint ${fingerprint}`;
    const { url } = compute.client;
    await output.note(`  TANVRIT_ENROLL_TOKEN=${made.token} tanvrit-compute agent run --url ${url}${known}`);
    if (known !== "" && isLoopbackUrl(url)) {
      await output.note(`with the name of the server's machine instead of ${new URL(url).hostname}.`);
    }
    return 0;
  },
});
