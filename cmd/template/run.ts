import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { afterSubmit, attachOptions, refuseBoth } from "../job/after-submit.ts";
import { manifestOptions } from "../job/manifest-options.ts";
import {
  checkTemplate,
  paramOption,
  paramsOf,
  templatePositional,
  versionOption,
} from "./template-options.ts";

const options = defineOptions({
  ...paramOption,
  ...versionOption,
  ...attachOptions,
  "idempotency-key": manifestOptions["idempotency-key"],
  ...clientOptions,
});

export const command = defineCommand({
  options,
  positionals: [templatePositional],
  examples: [
    {
      line: "template run ffmpeg-transcode --param input=/data/a.mov --param output=/data/a.mp4 --follow",
      does: "Run it and watch",
    },
    { line: "template run python-script -p script=/srv/train.py", does: "Run it in the background" },
  ],
  details: `template get NAME shows the parameters. A value reaches the job unchanged, whatever it contains. Prints only the
job's id on stdout. With --follow, stdout is the job's output, and the id is on stderr.`,
  async run({ options, positionals, env, output }) {
    refuseBoth(options);
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
