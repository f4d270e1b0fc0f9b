import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { askGit, git } from "./git.ts";

interface CommittedFile {
  path: string;
  mtimeMs?: number;
}

/** Who made the commit of a directory that has none. */
const AUTHOR = { name: "tanvrit-compute", email: "tanvrit-compute@localhost" };
const MESSAGE = "The files of the run";
/** What a run does not need, and what would differ each time. */
const LEFT_OUT = ["FETCH_HEAD", "ORIG_HEAD", "COMMIT_EDITMSG", "logs", "branches"];

/**
 * Makes a `.git` of what a run may know of a repository: the commit that is checked out, or with `whole` the history of
 * all branches and tags, laid out as actions/checkout does it. A directory without commits gets one of `files`, so that
 * git commands work in steps. Resolves with the directory to be placed as `.git`. Throws GitError.
 *
 * @param into a directory, which is made.
 */
export async function copyGit(
  top: string,
  into: string,
  { whole, files }: { whole: boolean; files: readonly CommittedFile[] },
): Promise<string> {
  mkdirSync(into, { recursive: true });
  await git(into, ["init", "--quiet", "--template=", "."]);
  const isTop = (await askGit(top, "rev-parse", "--show-cdup")) === "";
  const head = isTop ? await askGit(top, "rev-parse", "--verify", "--quiet", "HEAD") : undefined;
  const branch = isTop ? await askGit(top, "symbolic-ref", "--quiet", "--short", "HEAD") : undefined;
  if (head === undefined) await firstCommit(top, into, branch ?? "main", files);
  else await fetchHead(top, into, { head, branch, whole });
  // One file instead of thousands is copied and sent in no time.
  if (head === undefined) await git(into, ["repack", "-adq"]);
  await git(into, ["config", "gc.auto", "0"]);
  const directory = join(into, ".git");
  for (const name of LEFT_OUT) rmSync(join(directory, name), { recursive: true, force: true });
  return directory;
}

interface Fetched {
  head: string;
  /** Absent: no branch is checked out. */
  branch: string | undefined;
  whole: boolean;
}

/** A ref that keeps the commit until the branch names it. */
const FETCHED_REF = "refs/tanvrit/head";
const BRANCHES = "+refs/heads/*:refs/remotes/origin/*";

async function fetchHead(top: string, into: string, { head, branch, whole }: Fetched): Promise<void> {
  const refs = whole
    ? ["+refs/remotes/origin/*:refs/remotes/origin/*", BRANCHES, "+refs/tags/*:refs/tags/*"]
    : [];
  const amount = whole ? ["--update-shallow"] : ["--depth=1", "--no-tags"];
  await git(into, [
    ...["-c", "protocol.file.allow=always", "fetch", "--quiet", "--no-write-fetch-head", ...amount],
    // The repository may belong to another account; its owner's settings do not matter for reading it.
    ...["--upload-pack", "git -c safe.directory=* upload-pack", `file://${top}`],
    ...[`+HEAD:${FETCHED_REF}`, ...refs],
  ]);
  if (branch === undefined) await git(into, ["update-ref", "--no-deref", "HEAD", head]);
  else await nameBranch(into, branch, head);
  await git(into, ["update-ref", "-d", FETCHED_REF]);
  await git(into, ["read-tree", "HEAD"]);
  const url = await askGit(top, "config", "--get", "remote.origin.url");
  if (!url) return;
  await git(into, ["config", "remote.origin.url", withoutCredentials(url)]);
  await git(into, ["config", "remote.origin.fetch", BRANCHES]);
}

async function nameBranch(into: string, branch: string, commit: string): Promise<void> {
  await git(into, ["update-ref", `refs/heads/${branch}`, commit]);
  await git(into, ["update-ref", `refs/remotes/origin/${branch}`, commit]);
  await git(into, ["symbolic-ref", "HEAD", `refs/heads/${branch}`]);
}

/** One commit of all files. The same files give the same commit. */
async function firstCommit(
  top: string,
  into: string,
  branch: string,
  files: readonly CommittedFile[],
): Promise<void> {
  const newestMs = files.reduce((newest, { mtimeMs = 0 }) => Math.max(newest, mtimeMs), 0);
  const date = `${Math.floor(newestMs / 1_000)} +0000`;
  const at = { GIT_DIR: join(into, ".git"), GIT_WORK_TREE: top };
  const by = {
    ...{ GIT_AUTHOR_NAME: AUTHOR.name, GIT_AUTHOR_EMAIL: AUTHOR.email, GIT_AUTHOR_DATE: date },
    ...{ GIT_COMMITTER_NAME: AUTHOR.name, GIT_COMMITTER_EMAIL: AUTHOR.email, GIT_COMMITTER_DATE: date },
  };
  if (files.length > 0) {
    const list = join(into, "files");
    await Bun.write(list, files.map(({ path }) => `:(top,literal)${path}\0`).join(""));
    await git(top, ["add", "--force", `--pathspec-from-file=${list}`, "--pathspec-file-nul"], at);
    rmSync(list);
  }
  const tree = await git(top, ["write-tree"], at);
  await nameBranch(into, branch, await git(top, ["commit-tree", "-m", MESSAGE, tree], { ...at, ...by }));
}

/** `https://user:token@host/x` as `https://host/x`: what opens the repository is not for the run. */
function withoutCredentials(url: string): string {
  return url.replace(/^([a-z][a-z0-9+.-]*:\/\/)[^/@]*@/i, "$1");
}
