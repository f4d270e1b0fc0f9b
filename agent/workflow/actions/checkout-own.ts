import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fetchInto } from "./checkout-fetch.ts";
import type { Checkout } from "./checkout-request.ts";
import { copyTree } from "./copy-tree.ts";
import { git, mustGit } from "./git.ts";
import { githubText } from "./github-text.ts";
import { say } from "./parts.ts";
import { isRepository, resolveCommit } from "./tree-cache.ts";

/** Checks out the workflow's own repository from the working copy of the run. */
export async function checkOutOwn(checkout: Checkout): Promise<void> {
  const { step, ref } = checkout;
  const { source } = step.job.plan.directories;
  const signal = step.cancel;
  const withGit = Bun.which("git") !== null && isRepository(source);
  const head = withGit ? await headOf(source, signal) : undefined;
  if (ref === "" || isCurrent(checkout)) return copyWorkingCopy(checkout, head);
  const commit = withGit ? await resolveCommit(source, ref, signal) : undefined;
  if (commit !== undefined && commit === head) return copyWorkingCopy(checkout, head);
  if (commit !== undefined)
    return fetchInto({ ...checkout, urls: [`file://${source}`], origin: urlOf(checkout) });
  const origin = withGit ? await git(["-C", source, "config", "remote.origin.url"], { signal }) : undefined;
  const urls = [...(origin?.ok ? [origin.stdout.trim()] : []), urlOf(checkout)];
  await fetchInto({ ...checkout, urls, origin: urlOf(checkout) });
}

/** Whether the ref is another name of what the run is about. */
function isCurrent({ step, ref }: Checkout): boolean {
  return ["ref", "sha", "ref_name"].some((name) => githubText(step.job, name) === ref);
}

function urlOf({ serverUrl, repository }: Checkout): string {
  return `${serverUrl}/${repository}`;
}

async function headOf(source: string, signal: AbortSignal): Promise<string | undefined> {
  const { ok, stdout } = await git(["-C", source, "rev-parse", "--quiet", "--verify", "HEAD^{commit}"], {
    signal,
  });
  return ok ? stdout.trim() : undefined;
}

async function copyWorkingCopy(checkout: Checkout, head: string | undefined): Promise<void> {
  const { step, directory } = checkout;
  const { source } = step.job.plan.directories;
  await copyTree(source, directory, step.cancel);
  say(step, `Copied the working copy to ${directory}`);
  if (head !== undefined && existsSync(join(directory, ".git"))) await likeOnGithub(checkout, head);
}

/** Gives the copied repository the branches, the remote and the depth that it would have on GitHub. */
async function likeOnGithub(checkout: Checkout, head: string): Promise<void> {
  const { step, directory, depth } = checkout;
  const options = { signal: step.cancel };
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
  const { step, directory } = checkout;
  const { host, plan } = step.job;
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
    await mustGit(["-C", directory, "config", "--replace-all", key, value], { signal: step.cancel });
}

/** Puts HEAD on the branch of the event, or on no branch for a tag or a pull request. Returns the branch. */
async function onBranch(
  { step, directory }: Checkout,
  here: (...args: string[]) => Promise<string>,
): Promise<string | undefined> {
  const ref = githubText(step.job, "ref");
  const now = await git(["-C", directory, "symbolic-ref", "--quiet", "HEAD"], { signal: step.cancel });
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
  { step, directory, depth, tags }: Checkout,
  refs: readonly string[],
  branch: string | undefined,
  head: string,
): Promise<void> {
  const event = githubText(step.job, "ref");
  const edits: string[] = [];
  for (const line of refs) {
    const [name = "", object = ""] = line.split(" ");
    const isOther = name.startsWith("refs/heads/") && name !== `refs/heads/${branch}`;
    if (isOther) edits.push(`delete ${name}`);
    if (isOther && depth !== 1)
      edits.push(`update refs/remotes/origin/${name.slice("refs/heads/".length)} ${object}`);
    if (name.startsWith("refs/tags/") && depth === 1 && !tags && name !== event) edits.push(`delete ${name}`);
  }
  if (branch !== undefined) edits.push(`update refs/remotes/origin/${branch} ${head}`);
  if (edits.length === 0) return;
  await updateRefs(directory, edits, step.cancel);
}

async function updateRefs(directory: string, edits: readonly string[], signal: AbortSignal): Promise<void> {
  await mustGit(["-C", directory, "update-ref", "--stdin"], { signal, input: `${edits.join("\n")}\n` });
}
