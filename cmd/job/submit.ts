import { z } from "zod";
import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command.ts";
import { clientOptions } from "../common-options.ts";
import { connect } from "../connect.ts";
import { exitCodeOfJob, exitCodes } from "../exit-codes.ts";
import { CliError } from "../failure.ts";
import { buildManifest, manifestOptions } from "./manifest-options.ts";
import { submitManifest } from "./submit-manifest.ts";

const flag = (help: string) => ({ kind: "flag", schema: z.boolean().default(false), help }) as const;
const options = defineOptions({
  ...manifestOptions,
  wait: flag("Wait until the job is over and exit with its code"),
  follow: flag("Show the job's output until it is over and exit with its code"),
  ...clientOptions,
});

export const command = defineCommand({
  options,
  rest: { name: "CMD ARG…", help: "the command the job runs, as it is; without a shell" },
  examples: [
    { line: "job submit -- python train.py", does: "Run a program on any of your nodes" },
    { line: "job submit --label gpu=true --wait -- sh -c 'make && make test'", does: "In a shell, on a GPU" },
    { line: "job submit --file job.yaml", does: "From a file" },
  ],
  details: `On stdout stands the job's id and nothing else (with --follow the job's output, the id is on stderr).`,
  async run({ options, rest, env, output }) {
    if (options.wait && options.follow) throw new CliError("usage", "--wait and --follow exclude each other");
    const manifest = await buildManifest(options, rest);
    const compute = await connect(env, options);
    const job = await submitManifest(compute, manifest, options, output);
    if (options.follow) {
      await output.note(`tanvrit-compute: ${job.jobId} submitted`);
      const { followJob } = await import("./follow.ts");
      return followJob(compute, job.jobId, output, { json: options.json });
    }
    if (!options.wait) {
      await (options.json ? output.json(job) : output.result(job.jobId));
      return exitCodes.ok;
    }
    if (!options.json) await output.result(job.jobId);
    const { waitForJobs } = await import("./wait-for-jobs.ts");
    const [ended = job] = await waitForJobs(compute, [job.jobId], output);
    if (options.json) await output.json(ended);
    return exitCodeOfJob(ended);
  },
});
