import { resolve } from "node:path";
import { defineOptions, optionText } from "../../shared/config/options.ts";
import { durationMs } from "../../shared/duration.ts";
import { pathProblem } from "../../shared/files/path.ts";
import { defineCommand } from "../command/command.ts";
import { connect } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { CliError } from "../exit/failure.ts";
import { noIgnoreOption } from "../files/file-options.ts";
import { findTree, sendTrees } from "../files/send-tree.ts";

const FOREVER = "forever";

/** One name, without a slash, as the server takes it. */
const artifactName = optionText.superRefine((name, context) => {
  const problem = name.includes("/") ? "a name must not contain a slash" : pathProblem(name);
  if (problem !== undefined) context.addIssue({ code: "custom", message: problem });
});

const options = defineOptions({
  name: {
    kind: "value",
    placeholder: "NAME",
    schema: () => artifactName,
    defaultText: "its own name",
    help: "A name for people",
  },
  ttl: {
    kind: "value",
    placeholder: "TIME",
    schema: () =>
      optionText.refine((text) => text === FOREVER || (durationMs(text) ?? 0) >= 1_000, {
        error: "must be a time like 90s, 30m, 2h, 7d or 1w, or forever",
      }),
    defaultText: "as long as the server keeps uploads",
    help: "How long to keep it after its last use",
  },
  ...noIgnoreOption,
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [{ name: "PATH", help: "a file or directory" }],
  examples: [
    { line: "artifact upload data.csv --ttl 30d", does: "Keep a file for a month" },
    {
      line: "artifact upload src --ttl forever",
      does: "Keep files for the jobs of a schedule, which names the id as --input artifact:ID",
    },
  ],
  details: `Prints only the artifact's id on stdout. Only what the server does not have is sent; an upload that was cut goes
on where it stopped. Without --no-ignore, .gitignore and .tanvritignore say what is left out.`,
  async run({ options, positionals, env, output }) {
    const path = resolve(positionals[0] ?? "");
    const label = positionals[0] ?? "";
    if (label === "") throw new CliError("usage", "the path to upload is empty");
    const found = await findTree(path, label, options);
    const compute = await connect(env, options);
    const { name, ttl } = options;
    const sending = {
      label,
      found,
      kind: "upload" as const,
      name,
      ttlSeconds: ttl === undefined ? undefined : secondsOf(ttl),
    };
    const [artifact] = await sendTrees(compute, [sending], options, output);
    await (options.json ? output.json(artifact) : output.result(artifact?.artifactId ?? ""));
    return 0;
  },
});

/** As long as a server keeps anything: 100 years. */
const FOREVER_SECONDS = 100 * 365 * 24 * 3_600;

function secondsOf(ttl: string): number {
  return ttl === FOREVER ? FOREVER_SECONDS : Math.round((durationMs(ttl) ?? 0) / 1_000);
}
