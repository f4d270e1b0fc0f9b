import type { Compute, JobSelection, MatchingCounts } from "../../sdk/index.ts";
import { counted } from "../../shared/counted.ts";
import { patience } from "../connect.ts";
import type { Output } from "../output.ts";

const NOTE_EVERY_MS = 1_000;

/** Cancels, retries or deletes what a filter chooses, and says how far it is while it takes long. */
export async function changeMatching(
  compute: Compute,
  what: Change,
  selection: JobSelection,
  { json }: { json: boolean },
  output: Output,
): Promise<void> {
  let notedAtMs = performance.now();
  const onProgress = ({ changed }: MatchingCounts) => {
    if (performance.now() - notedAtMs < NOTE_EVERY_MS) return;
    notedAtMs = performance.now();
    // What cannot be told must not end what it is about.
    output.note(`tanvrit-compute: ${changed} so far…`).catch(() => undefined);
  };
  const options = { ...patience(output), onProgress };
  const counts = await compute.jobs[`${what}Matching`](selection, options);
  if (json) await output.json(counts);
  else await output.note(`tanvrit-compute: ${sentence(what, counts)}`);
}

const DONE = { cancel: "cancelled", retry: "queued again", delete: "deleted" } as const;
type Change = keyof typeof DONE;

function sentence(what: Change, { matched, changed }: MatchingCounts): string {
  const done = DONE[what];
  if (matched === 0)
    return `no job was ${done}: none matches that ${what === "cancel" ? "is not over" : "is over"}`;
  const rest = matched - changed;
  const jobs = `${counted(changed, "job")} ${done}`;
  if (rest > 0 && what === "delete")
    return `${jobs}; ${rest} more are still needed by jobs that wait for them`;
  return rest === 0 ? jobs : `${jobs}; ${rest} more matched and had been changed already`;
}
