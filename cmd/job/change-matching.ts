import type { Compute, JobSelection, MatchingCounts, RetriedCounts } from "../../sdk/index.ts";
import { counted } from "../../shared/counted.ts";
import { patience } from "../connection/connect.ts";
import type { Output } from "../output/output.ts";

const NOTE_EVERY_MS = 1_000;

interface ChangeOptions {
  json: boolean;
  /** Only for a retry. */
  "with-dependents"?: boolean;
}

/** Cancels, retries or deletes the jobs that a filter chooses, and reports its progress if that takes long. */
export async function changeMatching(
  compute: Compute,
  what: Change,
  selection: JobSelection,
  { json, "with-dependents": withDependents }: ChangeOptions,
  output: Output,
): Promise<void> {
  let notedAtMs = performance.now();
  const onProgress = ({ changed }: MatchingCounts) => {
    if (performance.now() - notedAtMs < NOTE_EVERY_MS) return;
    notedAtMs = performance.now();
    // A note that cannot be written must not end the command.
    output.note(`tanvrit-compute: ${changed} so far…`).catch(() => undefined);
  };
  const options = { ...patience(output), onProgress };
  if (what === "retry") {
    const counts = await compute.jobs.retryMatching(selection, { ...options, withDependents });
    return json ? output.json(counts) : output.note(`tanvrit-compute: ${retriedSentence(counts)}`);
  }
  const counts = await compute.jobs[`${what}Matching`](selection, options);
  return json ? output.json(counts) : output.note(`tanvrit-compute: ${sentence(what, counts)}`);
}

const DONE = { cancel: "cancelled", delete: "deleted" } as const;
type Change = keyof typeof DONE | "retry";

function sentence(what: keyof typeof DONE, { matched, changed }: MatchingCounts): string {
  const done = DONE[what];
  if (matched === 0)
    return `no job was ${done}: no ${what === "cancel" ? "unfinished" : "finished"} job matches`;
  const rest = matched - changed;
  const jobs = `${counted(changed, "job")} ${done}`;
  if (rest > 0 && what === "delete")
    return `${jobs}; ${rest} more are still needed by jobs that wait for them`;
  return [jobs, ...changedBefore(rest)].join("; ");
}

function retriedSentence(counts: RetriedCounts): string {
  const { matched, changed, left, lacking, queuedAgain, skippedDependents } = counts;
  if (matched === 0) return "no job was queued again: no finished job matches";
  const parts = [
    `${counted(queuedAgain, "job")} queued again`,
    ...changedBefore(matched - changed - left - lacking),
  ];
  if (left > 0) {
    parts.push(`${left} left unchanged: a job they come after did not end as required and is not retried`);
  }
  if (lacking > 0) parts.push(`${lacking} left unchanged: files, secrets or results that they need are gone`);
  if (skippedDependents > 0) {
    parts.push(
      `${counted(skippedDependents, "job")} skipped because of them; --with-dependents brings them back`,
    );
  }
  return parts.join("; ");
}

function changedBefore(jobs: number): string[] {
  return jobs > 0 ? [`${jobs} more matched but had been changed already`] : [];
}
