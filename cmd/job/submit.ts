import { defineOptions, flagOption, optionText } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { completeDraft } from "../files/job-draft.ts";
import { afterSubmit, attachOptions, refuseBoth } from "./after-submit.ts";
import { buildManifest } from "./build-manifest.ts";
import { manifestOptions } from "./manifest-options.ts";
import { sayInputStays, submitManifest } from "./submit-manifest.ts";

const options = defineOptions({
  ...manifestOptions,
  ...attachOptions,
  "dry-run": flagOption(
    "Submit nothing; show where such a job could run, and exit with 1 if no node ever could",
    "Output and waiting",
  ),
  batch: {
    kind: "value",
    group: "What it runs",
    placeholder: "FILE",
    schema: () => optionText,
    help: "Submit every line of a file, each a job in JSON, and print their ids in order; - is stdin",
  },
  ...clientOptions,
});

export const command = defineCommand({
  options,
  rest: { name: "CMD ARG…", help: "the command that the job runs, unchanged and without a shell" },
  examples: [
    { line: "job submit -- python /srv/train.py", does: "Run a program on any of your nodes" },
    {
      line: "job submit --gpus 1 --workdir /srv/app --wait -- sh -c 'make && make test'",
      does: "In a shell, with a GPU, in a directory of the node",
    },
    { line: "job submit --file job.yaml", does: "Submit a job from a file" },
    { line: "job submit --batch jobs.jsonl > ids", does: "Submit thousands at once" },
  ],
  details: `Prints only the job's id on stdout. With --follow, stdout is the job's output, and the id is on stderr.
With --batch the whole file is checked before anything is sent. Then up to 1,000 jobs at once are submitted, all or
none of them. A line may have an idempotencyKey next to the fields of a job.`,
  async run({ options, rest, env, output }) {
    refuseBoth(options);
    if (options.batch !== undefined) {
      const { refuseOtherOptions, submitBatchFile } = await import("./submit-batch.ts");
      refuseOtherOptions(options, rest);
      return submitBatchFile(() => connect(env, options), options.batch, options, output);
    }
    const draft = await buildManifest(options, rest);
    const compute = await connect(env, options);
    if (options["dry-run"]) {
      const { dryRun } = await import("./dry-run.ts");
      return dryRun(compute, draft, options, output);
    }
    await sayInputStays(options, output);
    const manifest = await completeDraft(compute, draft, options, output);
    const job = await submitManifest(compute, manifest, options, output);
    return afterSubmit(compute, job, options, output);
  },
});
