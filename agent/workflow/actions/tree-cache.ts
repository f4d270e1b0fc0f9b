import { existsSync, mkdirSync, readdirSync, statSync, utimesSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { writeFileAtomic } from "../../../shared/atomic-file.ts";
import { pause } from "../../../shared/wait.ts";
import { type HeldLock, tryLock } from "../../state/lock.ts";
import { type GitOptions, git, loginEnvironment, mustGit } from "./git.ts";

/** The files of a repository at a commit; nobody changes them. */
export interface RepositoryTree {
  directory: string;
  commit: string;
}

/** `why`: a clause for people. `missing`: the server answered, and has no such repository or ref. */
export class FetchError extends Error {
  constructor(
    readonly why: string,
    readonly missing: boolean,
  ) {
    super(why);
  }
}

interface FetchOptions {
  signal: AbortSignal;
  /** For the server; "": none. */
  token: string;
}

const LOCK_LIMIT_MS = 600_000;
const LOCK_LOOK_MS = 50;
const LOOK_UP_LIMIT_MS = 30_000;
const UNUSED_MS = 30 * 86_400_000;
/** A server that stops sending does not hold up the run. */
const SLOW = ["-c", "http.lowSpeedLimit=1000", "-c", "http.lowSpeedTime=30"];
/** The repository may belong to another account; nothing in it is run. */
const QUIET = ["-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "core.autocrlf=false"];

/**
 * Repositories as they were at a commit, kept from run to run. Runs at the same time share it: a tree appears whole or not
 * at all, and only one run fetches it.
 */
export class TreeCache {
  constructor(private readonly directory: string) {
    mkdirSync(directory, { recursive: true });
  }

  /**
   * The repository at `ref`, a branch, a tag or a full commit. A commit is fetched once; for another ref the server is
   * asked every time, and what it had last time counts if it cannot be reached. Throws FetchError.
   */
  async fetch(url: string, ref: string, { signal, token }: FetchOptions): Promise<RepositoryTree> {
    const login = { signal, env: loginEnvironment(url, token) };
    const known = this.treeOf(isCommit(ref) ? ref : undefined);
    if (known) return known;
    const lock = await this.lock(url, signal);
    try {
      const commit = await this.commitAt(url, ref, login);
      const tree = this.treeOf(commit) ?? (await this.fetchTree(url, ref, commit, login));
      if (!isCommit(ref)) this.remember(url, ref, commit);
      return tree;
    } finally {
      lock.release();
    }
  }

  /** The same from a git repository of this machine, which stays as it is; undefined: it has no such ref. */
  async extract(repository: string, ref: string, signal: AbortSignal): Promise<RepositoryTree | undefined> {
    const { commit } = (await findRef(repository, ref, "tag", signal)) ?? {};
    if (commit === undefined) return undefined;
    return this.treeOf(commit) ?? (await this.place(repository, commit, signal));
  }

  private treeOf(commit: string | undefined): RepositoryTree | undefined {
    if (commit === undefined) return undefined;
    const directory = join(this.directory, "trees", commit);
    if (!existsSync(directory)) return undefined;
    const now = new Date();
    utimesSync(directory, now, now);
    return { directory, commit };
  }

  private async commitAt(url: string, ref: string, login: GitOptions): Promise<string> {
    if (isCommit(ref)) return ref;
    try {
      return await lookUp(url, ref, login);
    } catch (error) {
      const last =
        error instanceof FetchError && !error.missing ? await this.remembered(url, ref) : undefined;
      if (last === undefined) throw error;
      return last;
    }
  }

  private async fetchTree(url: string, ref: string, commit: string, login: GitOptions) {
    const { signal } = login;
    const repository = await mkdtemp(join(this.directory, "fetch-"));
    try {
      await mustGit(["init", "--quiet", "--bare", repository], { signal });
      const fetch = ["-C", repository, ...SLOW, "fetch", "--quiet", "--no-tags", "--depth=1", url];
      let fetched = await git([...fetch, commit], login);
      // A server may refuse to send a commit by its id, or only a part of the history.
      if (!fetched.ok && !isCommit(ref)) fetched = await git([...fetch, ref], login);
      if (!fetched.ok && !isUnreachable(fetched.why)) fetched = await fetchAll(repository, url, login);
      if (!fetched.ok) throw new FetchError(fetched.why, isMissing(fetched.why));
      return await this.place(repository, commit, signal);
    } finally {
      await rm(repository, { recursive: true, force: true });
    }
  }

  private async place(repository: string, commit: string, signal: AbortSignal): Promise<RepositoryTree> {
    const trees = join(this.directory, "trees");
    await mkdir(trees, { recursive: true });
    const made = await mkdtemp(join(this.directory, "tree-"));
    const index = `${made}.index`;
    try {
      const checkout = await git(
        [
          ...QUIET,
          `--git-dir=${gitDirectoryOf(repository)}`,
          `--work-tree=${made}`,
          "checkout",
          "-qf",
          commit,
          "--",
          ".",
        ],
        { cwd: made, env: { GIT_INDEX_FILE: index }, signal },
      );
      if (!checkout.ok) throw new FetchError(checkout.why, true);
      const directory = join(trees, commit);
      // Another run may have been faster; its tree is the same.
      await rename(made, directory).catch((error: unknown) => {
        if (!existsSync(directory)) throw error;
      });
      await this.removeUnused();
      return { directory, commit };
    } finally {
      await rm(made, { recursive: true, force: true });
      await rm(index, { force: true });
    }
  }

  private async removeUnused(): Promise<void> {
    const trees = join(this.directory, "trees");
    for (const name of readdirSync(trees)) {
      const usedMs = statSync(join(trees, name), { throwIfNoEntry: false })?.mtimeMs ?? Date.now();
      if (Date.now() - usedMs > UNUSED_MS) await rm(join(trees, name), { recursive: true, force: true });
    }
  }

  private remember(url: string, ref: string, commit: string): void {
    mkdirSync(join(this.directory, "refs"), { recursive: true });
    writeFileAtomic(this.pointer(url, ref), commit);
  }

  private async remembered(url: string, ref: string): Promise<string | undefined> {
    const commit = await readFile(this.pointer(url, ref), "utf8").catch(() => undefined); // never fetched
    return this.treeOf(commit)?.commit;
  }

  private pointer(url: string, ref: string): string {
    return join(this.directory, "refs", Bun.SHA256.hash(`${url}\0${ref}`, "hex"));
  }

  private async lock(url: string, signal: AbortSignal): Promise<HeldLock> {
    mkdirSync(join(this.directory, "locks"), { recursive: true });
    const path = join(this.directory, "locks", Bun.SHA256.hash(url, "hex"));
    const untilMs = performance.now() + LOCK_LIMIT_MS;
    for (;;) {
      const lock = tryLock(path);
      if ("release" in lock) return lock;
      if (performance.now() > untilMs)
        throw new FetchError(
          `another run (process ${lock.heldBy}) has been fetching ${url} for too long`,
          false,
        );
      await pause(LOCK_LOOK_MS, signal);
      signal.throwIfAborted();
    }
  }
}

/** A ref of a repository, and the commit that it names. */
export interface FoundRef {
  /** `refs/tags/v1`; for a commit the commit itself. */
  name: string;
  commit: string;
}

/**
 * What a branch, a tag or a full commit is in this repository; undefined: it has none of these.
 *
 * @param first what counts if a branch and a tag have the same name.
 */
export async function findRef(
  repository: string,
  ref: string,
  first: "branch" | "tag",
  signal: AbortSignal,
): Promise<FoundRef | undefined> {
  const branches = [`refs/heads/${ref}`, `refs/remotes/origin/${ref}`];
  const tag = `refs/tags/${ref}`;
  const full = [ref, ref.replace(/^refs\/heads\//, "refs/remotes/origin/")];
  const names = ref.startsWith("refs/") ? full : first === "tag" ? [tag, ...branches] : [...branches, tag];
  for (const name of isCommit(ref) ? [ref] : names) {
    const { ok, stdout } = await git(
      [
        ...QUIET,
        `--git-dir=${gitDirectoryOf(repository)}`,
        "rev-parse",
        "--quiet",
        "--verify",
        `${name}^{commit}`,
      ],
      { signal },
    );
    if (ok) return { name, commit: stdout.trim() };
  }
  return undefined;
}

/** Whether a directory is a git repository, with or without a working tree. */
export function isRepository(directory: string): boolean {
  const at = gitDirectoryOf(directory);
  return existsSync(join(at, "HEAD")) && existsSync(join(at, "objects"));
}

export function isCommit(ref: string): boolean {
  return /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(ref);
}

function gitDirectoryOf(directory: string): string {
  const inside = join(directory, ".git");
  return existsSync(inside) ? inside : directory;
}

/** The commit at a ref of a server. */
async function lookUp(url: string, ref: string, login: GitOptions): Promise<string> {
  const names = ref.startsWith("refs/") ? [ref] : [`refs/tags/${ref}`, `refs/heads/${ref}`];
  const { ok, stdout, why } = await git(
    [...SLOW, "ls-remote", url, ...names, ...names.map((name) => `${name}^{}`)],
    { ...login, limitMs: LOOK_UP_LIMIT_MS },
  );
  if (!ok) throw new FetchError(why, isMissing(why));
  const found = new Map(stdout.split("\n").map((line) => line.split("\t").reverse() as [string, string]));
  for (const name of names) {
    const commit = found.get(`${name}^{}`) ?? found.get(name);
    if (commit) return commit;
  }
  const short = /^[0-9a-f]{7,39}$/i.test(ref)
    ? `; the provided ref \`${ref}\` is the shortened version of a commit SHA, which is not supported: use the full commit SHA`
    : "";
  throw new FetchError(`unable to find version \`${ref}\` at ${url}${short}`, true);
}

function fetchAll(repository: string, url: string, login: GitOptions) {
  const all = ["+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*"];
  return git(["-C", repository, ...SLOW, "fetch", "--quiet", url, ...all], login);
}

function isUnreachable(why: string): boolean {
  return /could not resolve|failed to connect|timed out|did not answer|couldn't connect/i.test(why);
}

/** Whether git says so of a server that answered. */
function isMissing(why: string): boolean {
  return /not found|could not read Username|not our ref/i.test(why);
}
