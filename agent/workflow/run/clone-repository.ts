import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { git } from "../actions/git.ts";

/** A repository has so long to arrive. */
const CLONE_MS = 10 * 60_000;
/** Not `ext`, which runs any program. */
const PROTOCOLS = "file:git:http:https:ssh";
const COMMIT = /^[0-9a-f]{40}([0-9a-f]{24})?$/;

export interface CloneWish {
  url: string;
  /** A branch, a tag or the id of a commit; absent: the default branch. */
  ref?: string | undefined;
}

/** Clones a repository into a directory that is empty or absent. Throws an Error for people. */
export async function cloneRepository(
  wish: CloneWish,
  directory: string,
  signal: AbortSignal,
): Promise<void> {
  const { url } = wish;
  const ref = wish.ref?.replace(/^refs\/(heads|tags)\//, "");
  if (ref?.startsWith("-")) throw new Error(`The ref ${ref} is not the name of a branch, a tag or a commit.`);
  const run = async (...words: string[]) => {
    const { ok, why } = await git(words, {
      limitMs: CLONE_MS,
      signal,
      env: { GIT_ALLOW_PROTOCOL: PROTOCOLS },
    });
    if (ok) return;
    const at = ref === undefined ? "" : ` at ${ref}`;
    throw new Error(
      `Cannot clone ${shownUrl(url)}${at}: ${shownUrl(why).replace(/\.$/, "")}. Check the address, the ref, and that git on this node may read it.`,
    );
  };
  if (ref !== undefined && COMMIT.test(ref)) {
    await run("clone", "--no-checkout", "--", url, directory);
    await run("-C", directory, "checkout", "--detach", ref);
    return;
  }
  const branch = ref === undefined ? [] : ["--branch", ref];
  await run("clone", "--depth", "1", ...branch, "--", url, directory);
  if (await wantsHistory(directory)) await run("-C", directory, "fetch", "--unshallow", "--tags");
}

/** Whether a workflow checks out more than the last commit. */
async function wantsHistory(directory: string): Promise<boolean> {
  const workflows = join(directory, ".github/workflows");
  for (const name of await readdir(workflows).catch(() => [])) {
    const text = await readFile(join(workflows, name), "utf8").catch(() => "");
    if (/fetch-depth:\s*['"]?(?!1\b)\S/.test(text)) return true;
  }
  return false;
}

/** Without the password that an address may have. */
function shownUrl(url: string): string {
  return url.replace(/\/\/[^/@]*@/, "//");
}
