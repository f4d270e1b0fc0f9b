import { existsSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { RepositoryReference } from "./reference.ts";
import { isRepository, type RepositoryTree, type TreeCache } from "./tree-cache.ts";

/** What the store has for a reference. `at`: where it was found. `without`: repositories that lack the ref. */
export type InStore =
  | { directory: string; commit?: string | undefined }
  | { directory: undefined; without: readonly string[] };

/**
 * Looks for a repository in a store of actions: DIR/owner/repo@ref, DIR/owner/repo/ref, DIR/owner-repo@ref, or DIR/owner/repo
 * for every ref. If the last one is a git repository, it is taken at the ref.
 *
 * @param wanted paths inside the repository; a DIR/owner/repo without any of these is not what was asked for.
 */
export async function findInStore(
  store: string,
  reference: RepositoryReference,
  wanted: readonly string[],
  cache: TreeCache,
  signal: AbortSignal,
): Promise<InStore> {
  const { owner, repo, path, ref } = reference;
  const top = existing(store, owner, repo) ?? existing(store, `${owner}-${repo}`);
  const flat = `${owner}-${repo}`;
  const refWords = ref.replaceAll("/", "-");
  const exact =
    existing(store, owner, `${repo}@${ref}`) ??
    existing(store, owner, `${repo}@${refWords}`) ??
    existing(store, `${flat}@${ref}`) ??
    existing(store, `${flat}@${refWords}`) ??
    existing(store, `${flat}-${path.replaceAll("/", "-")}@${refWords}`);
  if (exact) return { directory: exact };
  const repositories = [top, existing(store, owner, `${repo}.git`), existing(store, `${flat}.git`)];
  const without: string[] = [];
  for (const repository of repositories) {
    if (repository === undefined || !isRepository(repository)) continue;
    const tree: RepositoryTree | undefined = await cache.extract(repository, ref, signal);
    if (tree) return tree;
    without.push(repository);
  }
  if (top === undefined || without.includes(top)) return { directory: undefined, without };
  const isWanted = (directory: string) => wanted.some((file) => existsSync(join(directory, file)));
  const version = existing(top, ref) ?? existing(top, refWords);
  if (version && (isWanted(version) || !isWanted(top))) return { directory: version };
  return isWanted(top) ? { directory: top } : { directory: undefined, without };
}

/** The directory of a repository at a ref, or for all refs; "": the default branch. */
export function storedDirectory(store: string, owner: string, repo: string, ref: string): string | undefined {
  const exact =
    ref === ""
      ? undefined
      : (existing(store, owner, `${repo}@${ref}`) ?? existing(store, `${owner}-${repo}@${ref}`));
  return (
    exact ??
    existing(store, owner, repo) ??
    existing(store, owner, `${repo}.git`) ??
    existing(store, `${owner}-${repo}`)
  );
}

/** The directory at this path; names of owners and repositories do not differ by upper and lower case. */
function existing(base: string, ...path: string[]): string | undefined {
  let directory = base;
  for (const name of path.flatMap((part) => part.split("/"))) {
    const next = join(directory, name);
    const actual = isDirectory(next) ? name : nameIn(directory, name);
    if (actual === undefined) return undefined;
    directory = join(directory, actual);
  }
  return directory;
}

function nameIn(directory: string, name: string): string | undefined {
  if (!isDirectory(directory)) return undefined;
  const wanted = name.toLowerCase();
  return readdirSync(directory).find(
    (one) => one.toLowerCase() === wanted && isDirectory(join(directory, one)),
  );
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}
