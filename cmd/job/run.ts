import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { connect } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { prefixOption } from "./array-output.ts";
import { cancelOnExitOption } from "./attached.ts";
import { buildManifest } from "./build-manifest.ts";
import { followJob } from "./follow.ts";
import { manifestOptions } from "./manifest-options.ts";
import { sayInputStays, submitManifest } from "./submit-manifest.ts";

export const command = defineCommand({
  options: defineOptions({ ...manifestOptions, ...prefixOption, ...cancelOnExitOption, ...clientOptions }),
  rest: { name: "CMD ARG…", help: "the command that the job runs, unchanged and without a shell" },
  examples: [{ line: "job run -- sh -c 'hostname; nproc'", does: "Run it as if it ran here" }],
  details: `The job's stdout and stderr are this command's own, byte for byte, and so is its exit code. Its stdin is
empty: input that is piped in here is not sent. Ctrl-C leaves the job alone and ends only the view; pressed twice within 2 s
it cancels the job. TERM and HUP leave the job alone too, unless --cancel-on-exit is given. For an array, the output of
all its jobs is shown, each line after the name of its job.`,
  async run({ options, rest, env, output }) {
    const manifest = await buildManifest(options, rest);
    const compute = await connect(env, options);
    await sayInputStays(options, output);
    const job = await submitManifest(compute, manifest, options, output);
    await output.note(`tanvrit-compute: ${job.jobId} submitted`);
    return followJob(compute, job, output, { ...options, cancelOnExit: options["cancel-on-exit"] });
  },
});
