import { dirname } from "node:path";
import { git } from "../actions/git.ts";

/** What git says about the working copy; what it does not say is absent. */
export interface GitFacts {
  sha?: string | undefined;
  /** `refs/heads/main`, or a tag if no branch is checked out. */
  ref?: string | undefined;
  /** OWNER/NAME, of the remote "origin". */
  repository?: string | undefined;
  message?: string | undefined;
}

export async function gitFacts(directory: string, signal: AbortSignal): Promise<GitFacts> {
  // A repository above the working copy is not its own.
  const env = { GIT_CEILING_DIRECTORIES: dirname(directory) };
  // Its files may belong to another account.
  const ask = async (...words: string[]) => {
    const { ok, stdout } = await git(["-c", "safe.directory=*", ...words], { cwd: directory, env, signal });
    const text = stdout.trim();
    return ok && text !== "" ? text : undefined;
  };
  const head = await ask("log", "-1", "--format=%H%n%B");
  if (head === undefined) return {};
  const [sha, ...message] = head.split("\n");
  const tag = async () => {
    const name = await ask("describe", "--tags", "--exact-match", "HEAD");
    return name === undefined ? undefined : `refs/tags/${name}`;
  };
  const ref = (await ask("symbolic-ref", "-q", "HEAD")) ?? (await tag());
  return {
    sha,
    ref,
    repository: repositoryOf(await ask("remote", "get-url", "origin")),
    message: message.join("\n"),
  };
}

/** OWNER/NAME of the address of a repository. */
export function repositoryOf(url: string | undefined): string | undefined {
  if (url === undefined || !/^(https?|ssh|git):\/\/|^[\w.-]+@[\w.-]+:/.test(url)) return undefined;
  const [, owner, name] = /([\w.-]+)\/([\w.-]+?)(?:\.git)?\/?$/.exec(url.replace(/:(?!\/\/)/, "/")) ?? [];
  return owner && name ? `${owner}/${name}` : undefined;
}
