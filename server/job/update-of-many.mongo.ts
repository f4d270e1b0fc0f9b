import type { Document } from "mongodb";
import type { ExecutionEnd } from "../../shared/execution.ts";
import { jobUpdate } from "./job-documents.mongo.ts";
import type { JobRecord } from "./job-record.ts";

/**
 * `jobUpdate` as an update of many jobs. Ids that differ from job to job are taken from each document, so a chain of jobs
 * that are skipped because of one another, or come back together, is one write.
 */
export function updateOfMany(job: JobRecord): Document[] {
  const { $set, $unset } = jobUpdate(job);
  const values: Document = { version: { $add: ["$version", 1] } };
  for (const [name, value] of Object.entries($set)) values[name] = { $literal: value };
  if ($set.after_ids) values.after_ids = "$manifest.after.jobId";
  if (job.end) values.ending = endingOfMany(job.end, job.manifest.after ?? []);
  return [{ $set: values }, { $unset: Object.keys($unset) }];
}

function endingOfMany(end: ExecutionEnd, after: readonly { jobId: string }[]): Document {
  const place = after.findIndex(({ jobId }) => end.message?.includes(jobId));
  const named = after[place];
  if (!named || end.message === undefined) return { $literal: end };
  const [before = "", ...rest] = end.message.split(named.jobId);
  const message = {
    $concat: [
      { $literal: before },
      { $arrayElemAt: ["$manifest.after.jobId", place] },
      { $literal: rest.join(named.jobId) },
    ],
  };
  return { $mergeObjects: [{ $literal: { ...end, message: undefined } }, { message }] };
}
