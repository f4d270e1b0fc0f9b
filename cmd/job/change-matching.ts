import type { Compute, JobSelection, MatchingCounts } from "../../sdk/index.ts";
import { counted } from "../../shared/counted.ts";
import { patience } from "../connect.ts";
import type { Output } from "../output.ts";

const NOTE_EVERY_MS = 1_000;

/** Cancels or retries what a filter chooses, and says how far it is while it takes long. */
export async function changeMatching(
  compute: Compute,
  what: "cancel" | "retry",
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
  const counts =
    what === "cancel"
      ? await compute.jobs.cancelMatching(selection, options)
      : await compute.jobs.retryMatching(selection, options);
  if (json) await output.json(counts);
  else await output.note(`tanvrit-compute: ${sentence(what, counts)}`);
}

function sentence(what: "cancel" | "retry", { matched, changed }: MatchingCounts): string {
  const done = what === "cancel" ? "cancelled" : "queued again";
  if (matched === 0)
    return `no job was ${done}: none matches that ${what === "cancel" ? "is not over" : "is over"}`;
  const rest = matched - changed;
  const jobs = `${counted(changed, "job")} ${done}`;
  return rest === 0 ? jobs : `${jobs}; ${rest} more matched and had been changed already`;
}
