import { existsSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Checkout } from "./checkout-request.ts";
import { git, mustGit } from "./git.ts";
import { githubText } from "./github-text.ts";
import type { FoundRef } from "./tree-cache.ts";

/** Gives a copied `.git` the HEAD, branches, remote and depth that it would have on GitHub after a checkout of the ref. */
export async function settleCopy(checkout: Checkout, ref: FoundRef): Promise<void> {
  const { signal, directory, depth } = checkout;
  const here = (...args: string[]) => mustGit(["-C", directory, ...args], { signal });
  await here("config", "core.bare", "false");
  await setOrigin(checkout);
  const branch = /^refs\/(?:heads|remotes\/origin)\/(.+)$/.exec(ref.name)?.[1];
  await here("update-ref", "--no-deref", "HEAD", ref.commit);
  const refs = (await here("for-each-ref", "--format=%(refname) %(objectname)")).split("\n");
  const edits = editsOf(checkout, refs, ref, branch);
  if (edits.length > 0)
    await mustGit(["-C", directory, "update-ref", "--no-deref", "--stdin"], {
      signal,
      input: `${edits.join("\n")}\n`,
    });
  if (branch !== undefined) await here("symbolic-ref", "HEAD", `refs/heads/${branch}`);
  if (depth === 1 && !existsSync(join(directory, ".git", "shallow")))
    await writeFile(join(directory, ".git", "shallow"), `${ref.commit}\n`);
}

/** Fetches come from the repository on this machine if it is here; pushes go to the server. */
async function setOrigin({ job, signal, directory, serverUrl, repository }: Checkout): Promise<void> {
  const { host, plan } = job;
  const url = `${serverUrl}/${repository}`;
  const before = await git(["-C", directory, "config", "remote.origin.url"], { signal });
  const local = before.ok ? before.stdout.trim() : "";
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

/**
 * Other branches become those of the remote, or vanish with the tags if the history is not wanted.
 *
 * @param refs `NAME OBJECT`
 */
function editsOf(
  { job, depth, tags }: Checkout,
  refs: readonly string[],
  ref: FoundRef,
  branch: string | undefined,
): string[] {
  const kept = new Set([
    ref.name,
    githubText(job, "ref"),
    `refs/heads/${branch}`,
    `refs/remotes/origin/${branch}`,
  ]);
  const isWhole = depth !== 1;
  const edits: string[] = [];
  for (const line of refs) {
    const [name = "", object = ""] = line.split(" ");
    const isBranch = name.startsWith("refs/heads/");
    const isGone = isBranch || (!isWhole && (!tags || !name.startsWith("refs/tags/")));
    if (name !== "" && isGone && !kept.has(name)) edits.push(`delete ${name}`);
    const remote = `refs/remotes/origin/${name.slice("refs/heads/".length)}`;
    if (isBranch && isWhole && !kept.has(name)) edits.push(`update ${remote} ${object}`);
  }
  const pull = ref.name.startsWith("refs/pull/") ? [ref.name.replace("refs/", "refs/remotes/")] : [];
  const set = branch === undefined ? pull : [`refs/heads/${branch}`, `refs/remotes/origin/${branch}`];
  for (const name of set) edits.push(`update ${name} ${ref.commit}`);
  return edits;
}
