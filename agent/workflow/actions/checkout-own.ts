import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fetchInto } from "./checkout-fetch.ts";
import type { Checkout } from "./checkout-request.ts";
import { copyTree } from "./copy-tree.ts";
import { git, mustGit } from "./git.ts";
import { githubText } from "./github-text.ts";
import { isRepository, resolveCommit } from "./tree-cache.ts";

/** Checks out the workflow's own repository from the working copy of the run. */
export async function checkOutOwn(checkout: Checkout): Promise<void> {
  const { job, signal, ref } = checkout;
  const { source } = job.plan.directories;
  if (ref === "" || isCurrent(checkout)) return copyWorkingCopy(checkout);
  const withGit = Bun.which("git") !== null && isRepository(source);
  const commit = withGit ? await resolveCommit(source, ref, signal) : undefined;
  if (commit !== undefined && commit === (await headOf(source, signal))) return copyWorkingCopy(checkout);
  if (commit !== undefined)
    return fetchInto({ ...checkout, urls: [`file://${source}`], origin: urlOf(checkout) });
  if (isOfEvent(checkout)) return copyInstead(checkout);
  const origin = withGit ? await git(["-C", source, "config", "remote.origin.url"], { signal }) : undefined;
  const urls = [...(origin?.ok ? [origin.stdout.trim()] : []), urlOf(checkout)];
  await fetchInto({ ...checkout, urls, origin: urlOf(checkout) });
}

/** Copies the working copy as it is, with changes that are not committed. */
export async function copyWorkingCopy(checkout: Checkout): Promise<void> {
  const { job, signal, say, directory } = checkout;
  const { source } = job.plan.directories;
  await copyTree(source, directory, signal);
  say(`Copied the working copy to ${directory}`);
  if (Bun.which("git") === null || !isRepository(directory)) return;
  const head = await headOf(directory, signal);
  if (head !== undefined) await likeOnGithub(checkout, head);
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

function urlOf({ serverUrl, repository }: Checkout): string {
  return `${serverUrl}/${repository}`;
}

async function headOf(directory: string, signal: AbortSignal): Promise<string | undefined> {
  const { ok, stdout } = await git(["-C", directory, "rev-parse", "--quiet", "--verify", "HEAD^{commit}"], {
    signal,
  });
  return ok ? stdout.trim() : undefined;
}

/** Gives the copied repository the branches, the remote and the depth that it would have on GitHub. */
async function likeOnGithub(checkout: Checkout, head: string): Promise<void> {
  const { signal, directory, depth } = checkout;
  const options = { signal };
  const here = (...args: string[]) => mustGit(["-C", directory, ...args], options);
  const local = await git(["-C", directory, "config", "remote.origin.url"], options);
  await here("config", "core.bare", "false");
  await setOrigin(checkout, local.ok ? local.stdout.trim() : "");
  const branch = await onBranch(checkout, here);
  const refs = (await here("for-each-ref", "--format=%(refname) %(objectname)")).split("\n");
  await editRefs(checkout, refs, branch, head);
  if (depth === 1 && !existsSync(join(directory, ".git", "shallow")))
    await writeFile(join(directory, ".git", "shallow"), `${head}\n`);
  if (!existsSync(join(directory, ".git", "index"))) await here("read-tree", "HEAD");
}

/** Fetches come from the repository on this machine if it is here; pushes go to the server. */
async function setOrigin(checkout: Checkout, local: string): Promise<void> {
  const { job, signal, directory } = checkout;
  const { host, plan } = job;
  const url = urlOf(checkout);
  const pairs = [
    ["remote.origin.url", url],
    ["remote.origin.fetch", "+refs/heads/*:refs/remotes/origin/*"],
  ];
  const path = local.replace(/^file:\/\//, "");
  const isMachine = host.guestPath(plan.directories.workspace) === plan.directories.workspace;
  if (isMachine && path.startsWith("/") && existsSync(path))
    pairs.push([`url.${local}.insteadOf`, url], [`url.${url}.pushInsteadOf`, url]);
  for (const [key = "", value = ""] of pairs)
    await mustGit(["-C", directory, "config", "--replace-all", key, value], { signal });
}

/** Puts HEAD on the branch of the event, or on no branch for a tag or a pull request. Returns the branch. */
async function onBranch(
  { job, signal, directory }: Checkout,
  here: (...args: string[]) => Promise<string>,
): Promise<string | undefined> {
  const ref = githubText(job, "ref");
  const now = await git(["-C", directory, "symbolic-ref", "--quiet", "HEAD"], { signal });
  const current = now.ok ? now.stdout.trim() : undefined;
  if (!ref.startsWith("refs/heads/")) {
    if (ref.startsWith("refs/") && current !== undefined) {
      const head = await here("rev-parse", "HEAD");
      await here("update-ref", "--no-deref", "HEAD", head);
    }
    return current?.replace(/^refs\/heads\//, "");
  }
  if (current !== ref) {
    const head = await here("rev-parse", "HEAD");
    await here("update-ref", ref, head);
    await here("symbolic-ref", "HEAD", ref);
  }
  return ref.replace(/^refs\/heads\//, "");
}

/** Other branches become those of the remote, or vanish with the tags if the history is not wanted. */
async function editRefs(
  { job, signal, directory, depth, tags }: Checkout,
  refs: readonly string[],
  branch: string | undefined,
  head: string,
): Promise<void> {
  const event = githubText(job, "ref");
  const edits: string[] = [];
  for (const line of refs) {
    const [name = "", object = ""] = line.split(" ");
    const isOther = name.startsWith("refs/heads/") && name !== `refs/heads/${branch}`;
    const isRemote = name.startsWith("refs/remotes/origin/") && name !== `refs/remotes/origin/${branch}`;
    if (isOther || (isRemote && depth === 1)) edits.push(`delete ${name}`);
    if (isOther && depth !== 1)
      edits.push(`update refs/remotes/origin/${name.slice("refs/heads/".length)} ${object}`);
    if (name.startsWith("refs/tags/") && depth === 1 && !tags && name !== event) edits.push(`delete ${name}`);
  }
  if (branch !== undefined) edits.push(`update refs/remotes/origin/${branch} ${head}`);
  if (edits.length === 0) return;
  await updateRefs(directory, edits, signal);
}

async function updateRefs(directory: string, edits: readonly string[], signal: AbortSignal): Promise<void> {
  await mustGit(["-C", directory, "update-ref", "--stdin"], { signal, input: `${edits.join("\n")}\n` });
}
