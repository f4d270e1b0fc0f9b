import { z } from "zod";
import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect, patience } from "../connect.ts";
import { CliError } from "../failure.ts";
import { afterSubmit } from "../job/after-submit.ts";
import { manifestOptions } from "../job/manifest-options.ts";
import {
  checkTemplate,
  paramOption,
  paramsOf,
  templatePositional,
  versionOption,
} from "./template-options.ts";

const flag = (help: string) => ({ kind: "flag", schema: z.boolean().default(false), help }) as const;
const options = defineOptions({
  ...paramOption,
  ...versionOption,
  wait: flag("Wait until the job is over and exit with its code"),
  follow: flag("Show the job's output until it is over and exit with its code"),
  "idempotency-key": manifestOptions["idempotency-key"],
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [templatePositional],
  examples: [
    {
      line: "template run ffmpeg-transcode --param input=/data/a.mov --param output=/data/a.mp4 --follow",
      does: "Looking on",
    },
    { line: "template run python-script -p script=/srv/train.py", does: "In the background" },
  ],
  details: `template get NAME shows the parameters. A value reaches the job as it is, whatever is in it. On stdout stands
the job's id and nothing else (with --follow the job's output, the id is on stderr).`,
  async run({ options, positionals, env, output }) {
    if (options.wait && options.follow) throw new CliError("usage", "--wait and --follow exclude each other");
    const template = checkTemplate(positionals[0]);
    const params = paramsOf(options.param);
    const compute = await connect(env, options);
    const { version, "idempotency-key": idempotencyKey } = options;
    const job = await compute.templates.run(template, params, {
      ...patience(output),
      version,
      idempotencyKey,
    });
    return afterSubmit(compute, job, options, output);
  },
});
