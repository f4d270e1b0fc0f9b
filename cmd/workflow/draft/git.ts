import { textOf } from "../../../shared/text-of.ts";
import { withLimit } from "../../../shared/wait.ts";

/** What git says about itself and a repository must not depend on the person's language or hooks, and must not ask. */
const OWN_ENVIRONMENT = { LC_ALL: "C", GIT_TERMINAL_PROMPT: "0", GIT_OPTIONAL_LOCKS: "0" };
/** Those that make git look at another repository than that of its directory. */
const REPOSITORY_VARIABLES = [
  "GIT_DIR",
  "GIT_WORK_TREE",
  "GIT_INDEX_FILE",
  "GIT_OBJECT_DIRECTORY",
  "GIT_PREFIX",
];
/** The copy of a large history takes its time; a git that hangs must not keep us for ever. */
const LIMIT_MS = 10 * 60_000;

/** Git could not do what was asked; the message has its own words. */
export class GitError extends Error {
  override name = "GitError";
}

/** Whether there is a git to run. */
export function hasGit(): boolean {
  return Bun.which("git") !== null;
}

/** What git printed, without the newline at the end. Throws GitError. */
export async function git(
  directory: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const child = start(directory, args, env);
  const ended = Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  const late = () => new GitError(`git ${args[0]} did not end within ${LIMIT_MS / 60_000} minutes`);
  const [stdout, stderr, exitCode] = await withLimit(LIMIT_MS, ended, late).finally(() =>
    child.kill("SIGKILL"),
  );
  if (exitCode === 0) return stdout.replace(/\n$/, "");
  throw new GitError(`git ${args[0]}: ${stderr.trim() || `exit code ${exitCode}`}`);
}

/** The same, or undefined if git says no. */
export async function askGit(directory: string, ...args: string[]): Promise<string | undefined> {
  try {
    return await git(directory, args);
  } catch {
    return undefined; // No git, no repository, or it has not what was asked for.
  }
}

function start(directory: string, args: readonly string[], env: Readonly<Record<string, string>>) {
  const own: Record<string, string | undefined> = { ...process.env, ...OWN_ENVIRONMENT, ...env };
  for (const name of REPOSITORY_VARIABLES) if (env[name] === undefined) delete own[name];
  try {
    return Bun.spawn(["git", "-c", "safe.directory=*", ...args], {
      cwd: directory,
      env: own,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
  } catch (error) {
    throw new GitError(`git cannot be run: ${textOf(error)}`);
  }
}
