import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { completeDraft } from "../files/job-draft.ts";
import { buildManifest } from "./build-manifest.ts";
import { followJob } from "./follow.ts";
import { manifestOptions } from "./manifest-options.ts";
import { sayInputStays, submitManifest } from "./submit-manifest.ts";
import { downloadOption, refuseUseless, takeOutputs } from "./take-outputs.ts";
import { cancelOnExitOption, prefixOption } from "./view-options.ts";

export const command = defineCommand({
  options: defineOptions({
    ...manifestOptions,
    ...downloadOption,
    ...prefixOption,
    ...cancelOnExitOption,
    ...clientOptions,
  }),
  rest: { name: "CMD ARG…", help: "the command that the job runs, unchanged and without a shell" },
  examples: [
    { line: "job run -- sh -c 'hostname; nproc'", does: "Run it as if it ran here" },
    {
      line: "job run --input . --output 'out/**' --download . -- make test",
      does: "With the files of this directory; what it makes in out comes back",
    },
  ],
  details: `The job's stdout and stderr are this command's own, byte for byte, and so is its exit code. Its stdin is
empty: input that is piped in here is not sent. Ctrl-C leaves the job alone and ends only the view; pressed twice within 2 s
it cancels the job. TERM and HUP leave the job alone too, unless --cancel-on-exit is given. For an array, the output of
all its jobs is shown, each line after the name of its job.`,
  async run({ options, rest, env, output }) {
    const draft = await buildManifest(options, rest);
    refuseUseless(options, draft.manifest);
    const compute = await connect(env, options);
    await sayInputStays(options, output);
    const manifest = await completeDraft(compute, draft, options, output);
    const job = await submitManifest(compute, manifest, options, output);
    await output.note(`tanvrit-compute: ${job.jobId} submitted`);
    const follow = { ...options, cancelOnExit: options["cancel-on-exit"] };
    const code = await followJob(compute, job, output, follow);
    return manifest.outputs ? takeOutputs(compute, job.jobId, code, options, output) : code;
  },
});
