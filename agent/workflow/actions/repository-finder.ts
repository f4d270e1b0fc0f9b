import { join, relative } from "node:path";
import { textOf } from "../../../shared/text-of.ts";
import type { RunPlan } from "../plan.ts";
import { findInStore, storedDirectory } from "./action-store.ts";
import { type RepositoryReference, textOfReference } from "./reference.ts";
import { FetchError, isRepository, TreeCache } from "./tree-cache.ts";

export type FinderPlan = Pick<RunPlan, "actionStore" | "actionsUrl" | "cacheDirectory" | "source">;

/** The files of a repository. `commit` absent: a plain directory of the action store. */
export interface FoundRepository {
  directory: string;
  commit?: string | undefined;
}

/** A repository that is nowhere. `answered`: its server says so; otherwise there might be one, but no way to it. */
export class UnresolvedError extends Error {
  constructor(
    readonly problem: string,
    readonly hint: string,
    readonly answered: boolean,
  ) {
    super(`${problem}. ${hint}`);
  }
}

/** Who looks for a repository: the run's own repository, and a token for the server; "": none. */
export interface Asker {
  repository: string;
  token: string;
}

/**
 * Finds repositories of actions and reusable workflows for one run: in the action store, in the repository of the run
 * itself, then where `actionsUrl` says, through the cache that runs share. Looks once for each.
 */
export class RepositoryFinder {
  private readonly cache: TreeCache;
  private readonly found = new Map<string, Promise<FoundRepository>>();

  constructor(private readonly plan: FinderPlan) {
    this.cache = new TreeCache(join(plan.cacheDirectory, "actions"));
  }

  /** What the action store has; undefined: nothing. */
  async inStore(
    reference: RepositoryReference,
    wanted: readonly string[],
    signal: AbortSignal,
  ): Promise<FoundRepository | undefined> {
    const { actionStore } = this.plan;
    if (actionStore === undefined) return undefined;
    const found = await findInStore(actionStore, reference, wanted, this.cache, signal);
    return found.directory === undefined ? undefined : found;
  }

  /** What the action store has of a repository, whatever its files; "repository": a git repository with all its refs. */
  storedRepository(
    owner: string,
    repo: string,
    ref: string,
  ): { is: "repository" | "files"; directory: string } | undefined {
    const { actionStore } = this.plan;
    const directory = actionStore && storedDirectory(actionStore, owner, repo, ref);
    if (directory === undefined) return undefined;
    return { is: isRepository(directory) ? "repository" : "files", directory };
  }

  /** Where a repository is cloned from, the likeliest first. */
  urlsOf(repository: string, serverUrl: string): string[] {
    const bases = [this.plan.actionsUrl, serverUrl].map((url) => url.replace(/\/+$/, ""));
    return [...new Set(bases)].map((base) => `${base}/${repository}`);
  }

  /**
   * Throws UnresolvedError, and the signal's reason.
   *
   * @param wanted paths inside the repository, of which it must have one.
   */
  async find(
    reference: RepositoryReference,
    wanted: readonly string[],
    asker: Asker,
    signal: AbortSignal,
  ): Promise<FoundRepository> {
    const key = textOfReference(reference);
    for (;;) {
      const known = this.found.get(key);
      const search = known ?? this.search(reference, wanted, asker, signal);
      this.found.set(key, search);
      try {
        return await search;
      } catch (error) {
        // What is not there now is not looked for again in this run: every look may take half a minute.
        if (error instanceof UnresolvedError) throw error;
        if (this.found.get(key) === search) this.found.delete(key);
        // Another job asked first and was cancelled.
        if (known && isAbort(error) && !signal.aborted) continue;
        throw error;
      }
    }
  }

  private async search(
    reference: RepositoryReference,
    wanted: readonly string[],
    asker: Asker,
    signal: AbortSignal,
  ): Promise<FoundRepository> {
    const { owner, repo, ref } = reference;
    const { actionStore, actionsUrl, source } = this.plan;
    const notes: string[] = [];
    if (actionStore !== undefined) {
      const stored = await findInStore(actionStore, reference, wanted, this.cache, signal);
      if (stored.directory !== undefined) return stored;
      notes.push(
        ...(stored.without.length > 0
          ? stored.without.map(
              (at) => `the repository ${relative(actionStore, at)} of the action store has no \`${ref}\``,
            )
          : ["the action store does not have it"]),
      );
    }
    if (`${owner}/${repo}`.toLowerCase() === asker.repository.toLowerCase() && isRepository(source)) {
      const tree = await this.cache.extract(source, ref, signal);
      if (tree) return tree;
    }
    const url = `${actionsUrl.replace(/\/+$/, "")}/${owner}/${repo}`;
    try {
      return await this.cache.fetch(url, ref, { signal, token: asker.token });
    } catch (error) {
      signal.throwIfAborted();
      notes.push(
        error instanceof FetchError && error.missing ? error.why : `${textOf(error)} (fetching from ${url})`,
      );
      throw unresolved(reference, notes, error instanceof FetchError && error.missing);
    }
  }
}

function unresolved(reference: RepositoryReference, notes: string[], answered: boolean): UnresolvedError {
  const { owner, repo, path, ref } = reference;
  const what = path.startsWith(".github/workflows/") ? "workflow" : "action";
  return new UnresolvedError(
    `Unable to resolve ${what} \`${textOfReference(reference)}\`: ${notes.join("; ")}`,
    `Check the name and the version, or put it into DIR/${owner}/${repo}@${ref} and run with --action-store DIR.`,
    answered,
  );
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && (error.name === "AbortError" || error.name === "TimeoutError");
}
