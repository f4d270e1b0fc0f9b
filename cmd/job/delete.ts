import { defineOptions, flagOption } from "../../shared/config/options.ts";
import { counted } from "../../shared/counted.ts";
import type { JobDeletion } from "../../shared/endpoints/many-jobs.ts";
import { limits } from "../../shared/limits.ts";
import { defineCommand } from "../command/command.ts";
import { connect, patience } from "../connection/connect.ts";
import { clientOptions } from "../connection/connection-options.ts";
import { findJobs } from "../connection/find-id.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { changeMatching } from "./change-matching.ts";
import { filterOptions, jobsOrFilter, selectionOrIds } from "./filter-options.ts";

/** Why a job was not deleted. */
const REFUSED: Record<Exclude<JobDeletion, "deleted">, string> = {
  "not-found": "there is no such job",
  open: "it has not finished; cancel it first with job cancel",
  needed: "a waiting job comes after it; cancel that job first, or wait for it",
  "not-yours": "it belongs to somebody else; ask them, or an owner or an admin",
  "in-array": "it belongs to an array; delete the array",
};

export const command = defineCommand({
  options: defineOptions({
    ...filterOptions,
    all: flagOption("Delete every finished job"),
    ...clientOptions,
  }),
  positionals: [jobsOrFilter],
  examples: [
    { line: "job delete $id", does: "Delete a job with its executions and its log" },
    { line: "job delete --name 'sweep-*' --status failed", does: "Delete all of these that failed" },
  ],
  details: `Deletes finished jobs with their executions and logs, and an array with its jobs. What was charged stays in the
ledger. They can be brought back for 30 days, see trash list. A server deletes old jobs by itself: see server --keep-jobs.`,
  async run({ options, positionals, env, output }) {
    const selection = selectionOrIds(positionals, options);
    const compute = await connect(env, options);
    const jobIds = await findJobs(compute, positionals, output);
    if (selection) {
      await changeMatching(compute, "delete", selection, options, output);
      return exitCodes.ok;
    }
    const results = [];
    for (let start = 0; start < jobIds.length; start += limits.maxBatchJobs) {
      const some = jobIds.slice(start, start + limits.maxBatchJobs);
      results.push(...(await compute.jobs.delete(some, patience(output))));
    }
    if (options.json) await output.json(results);
    for (const { jobId, outcome } of results) {
      if (outcome !== "deleted")
        await output.note(`tanvrit-compute: ${jobId} was not deleted: ${REFUSED[outcome]}`);
    }
    const deleted = results.filter(({ outcome }) => outcome === "deleted").length;
    if (!options.json) await output.note(`tanvrit-compute: ${counted(deleted, "job")} deleted`);
    if (results.some(({ outcome }) => outcome === "not-found")) return exitCodes.notFound;
    return deleted === results.length ? exitCodes.ok : exitCodes.badData;
  },
});
