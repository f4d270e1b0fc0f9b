import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { Checkout } from "./checkout-request.ts";
import { git, loginEnvironment, mustGit } from "./git.ts";
import { isCommit } from "./tree-cache.ts";

export interface FetchCheckout extends Checkout {
  /** Tried one after the other. */
  urls: readonly string[];
  /** The remote as later steps see it. */
  origin: string;
}

/** What a ref is at a server. */
interface Target {
  /** "" for a commit. */
  name: string;
  commit: string;
}

/** Checks out a ref of a repository through git, as GitHub's action does. Throws an Error for people. */
export async function fetchInto(checkout: FetchCheckout): Promise<void> {
  const { signal, directory, urls, ref, repository } = checkout;
  const failures: string[] = [];
  for (const url of [...new Set(urls)]) {
    const target = await lookUp(checkout, url);
    if (typeof target === "string") {
      failures.push(target);
      continue;
    }
    const why = await fetchFrom(checkout, url, target);
    if (why === undefined) return;
    failures.push(`${why} (from ${url})`);
    signal.throwIfAborted();
    await rm(join(directory, ".git"), { recursive: true, force: true });
  }
  const what = ref === "" ? repository : `${ref} of ${repository}`;
  throw new Error(
    `Cannot check out ${what}: ${failures.join("; ")}. Check its name, or put the repository into DIR/${repository} and run with --action-store DIR.`,
  );
}

/** What the ref is there, or why that is not known. */
async function lookUp({ signal, ref, token }: FetchCheckout, url: string): Promise<Target | string> {
  if (isCommit(ref)) return { name: "", commit: ref };
  const names = ref.startsWith("refs/") ? [ref] : [`refs/heads/${ref}`, `refs/tags/${ref}`];
  const asked = ref === "" ? ["--symref", url, "HEAD"] : [url, ...names];
  const { ok, stdout, why } = await git(["ls-remote", ...asked], {
    signal,
    env: loginEnvironment(url, token),
    limitMs: LOOK_UP_LIMIT_MS,
  });
  if (!ok) return why;
  if (ref === "") {
    const name = /^ref: (\S+)\tHEAD$/m.exec(stdout)?.[1];
    const commit = /^([0-9a-f]{40,64})\tHEAD$/m.exec(stdout)?.[1];
    return commit === undefined ? `${url} has no commits` : { name: name ?? "", commit };
  }
  for (const name of names) {
    const line = stdout.split("\n").find((one) => one.endsWith(`\t${name}`));
    if (line !== undefined) return { name, commit: line.slice(0, line.indexOf("\t")) };
  }
  return `A branch or tag with the name '${ref}' could not be found at ${url}`;
}

const LOOK_UP_LIMIT_MS = 30_000;

/** Returns why it failed, or undefined. */
async function fetchFrom(checkout: FetchCheckout, url: string, target: Target): Promise<string | undefined> {
  const { signal, say, directory, depth, tags, token, origin } = checkout;
  const options = { signal, env: loginEnvironment(url, token) };
  const branch = /^refs\/heads\/(.+)$/.exec(target.name)?.[1];
  const wanted =
    branch !== undefined
      ? `+${target.name}:refs/remotes/origin/${branch}`
      : target.name !== ""
        ? `+${target.name}:${target.name}`
        : target.commit;
  const everything = depth === 0 ? ["+refs/heads/*:refs/remotes/origin/*", "+refs/tags/*:refs/tags/*"] : [];
  const flags = [tags && depth > 0 ? "--tags" : "--no-tags", ...(depth > 0 ? [`--depth=${depth}`] : [])];
  await mustGit(["init", "--quiet", "--initial-branch=main", directory], options);
  await mustGit(["-C", directory, "config", "--replace-all", "remote.origin.url", origin], options);
  await mustGit(
    [
      "-C",
      directory,
      "config",
      "--replace-all",
      "remote.origin.fetch",
      "+refs/heads/*:refs/remotes/origin/*",
    ],
    options,
  );
  const fetch = ["-C", directory, "-c", "safe.directory=*", "fetch", "--quiet", "--prune", ...flags, url];
  const fetched = await git(
    [...fetch, ...everything, ...(depth === 0 && target.name !== "" ? [] : [wanted])],
    options,
  );
  if (!fetched.ok) return fetched.why;
  const to =
    branch !== undefined ? ["-B", branch, `refs/remotes/origin/${branch}`] : ["--detach", target.commit];
  const checkedOut = await git(["-C", directory, "checkout", "--quiet", "--force", ...to], options);
  if (!checkedOut.ok) return checkedOut.why;
  say(`Fetched ${target.name || target.commit} from ${url}`);
  return undefined;
}
