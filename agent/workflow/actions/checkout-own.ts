import { existsSync } from "node:fs";
import { join } from "node:path";
import { settleCopy } from "./checkout-copied.ts";
import { fetchInto } from "./checkout-fetch.ts";
import type { Checkout } from "./checkout-request.ts";
import { copyTree } from "./copy-tree.ts";
import { git, mustGit } from "./git.ts";
import { githubText } from "./github-text.ts";
import { type FoundRef, findRef, isRepository } from "./tree-cache.ts";

/** Checks out the workflow's own repository from the working copy of the run. */
export async function checkOutOwn(checkout: Checkout): Promise<void> {
  const { job, signal, ref } = checkout;
  const { source } = job.plan.directories;
  if (ref === "" || isCurrent(checkout)) return copyWorkingCopy(checkout);
  const withGit = Bun.which("git") !== null && isRepository(source);
  const found = withGit ? await findRef(source, ref, "branch", signal) : undefined;
  if (found && found.commit === (await headOf(source, signal))) return copyWorkingCopy(checkout, found);
  if (found) return copyHistory(checkout, found);
  if (isOfEvent(checkout)) return copyInstead(checkout);
  const origin = withGit ? await git(["-C", source, "config", "remote.origin.url"], { signal }) : undefined;
  const url = `${checkout.serverUrl}/${checkout.repository}`;
  const urls = [...(origin?.ok ? [origin.stdout.trim()] : []), url];
  await fetchInto({ ...checkout, urls, origin: url });
}

/** Copies the working copy as it is, with changes that are not committed. `ref`: the ref that it is at; absent: that of the event. */
export async function copyWorkingCopy(checkout: Checkout, ref?: FoundRef): Promise<void> {
  const { job, signal, say, directory } = checkout;
  await copyTree(job.plan.directories.source, directory, signal);
  say(`Copied the working copy to ${job.host.guestPath(directory)}`);
  if (Bun.which("git") === null || !isRepository(directory)) return;
  const commit = ref?.commit ?? (await headOf(directory, signal));
  if (commit === undefined) return;
  await settleCopy(checkout, ref ?? { name: githubText(job, "ref"), commit });
  if (!existsSync(join(directory, ".git", "index")))
    await mustGit(["-C", directory, "read-tree", "HEAD"], { signal });
}

/** Checks out another ref from a copy of the history. */
async function copyHistory(checkout: Checkout, ref: FoundRef): Promise<void> {
  const { job, signal, say, directory } = checkout;
  await copyTree(join(job.plan.directories.source, ".git"), join(directory, ".git"), signal);
  await settleCopy(checkout, ref);
  await mustGit(["-C", directory, "reset", "--quiet", "--hard"], { signal });
  say(`Checked out ${ref.name} from the history of the working copy`);
}

/** Whether the ref is another name of what the run is about. */
function isCurrent({ job, ref }: Checkout): boolean {
  return ["ref", "sha", "ref_name"].some((name) => githubText(job, name) === ref);
}

/** Whether the payload of the event names the ref as what the event is about. */
function isOfEvent({ job, ref }: Checkout): boolean {
  const places = [
    "head_ref",
    "event.after",
    "event.head_commit.id",
    "event.pull_request.head.ref",
    "event.pull_request.head.sha",
    "event.pull_request.merge_commit_sha",
    "event.workflow_run.head_branch",
    "event.workflow_run.head_sha",
  ];
  return places.some((place) => githubText(job, place) === ref);
}

function copyInstead(checkout: Checkout): Promise<void> {
  const { job, ref } = checkout;
  job.services.report.annotate({
    level: "warning",
    message: `The event names ${ref}, which the working copy does not have. The working copy is used as it is.`,
  });
  return copyWorkingCopy(checkout);
}

async function headOf(directory: string, signal: AbortSignal): Promise<string | undefined> {
  const { ok, stdout } = await git(["-C", directory, "rev-parse", "--quiet", "--verify", "HEAD^{commit}"], {
    signal,
  });
  return ok ? stdout.trim() : undefined;
}
