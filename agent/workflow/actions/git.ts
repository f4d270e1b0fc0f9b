import { textOf } from "../../../shared/text-of.ts";
import { pause } from "../../../shared/wait.ts";
import { ChildOutput } from "../../process/child-output.ts";
import { signalGroup } from "../../process/process-tree.ts";

const LIMIT_MS = 300_000;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;
const MAX_QUOTED_CHARACTERS = 500;

export interface GitOptions {
  /** Absent: any directory does. */
  cwd?: string | undefined;
  /** Added to the environment of this process. */
  env?: Readonly<Record<string, string>> | undefined;
  signal: AbortSignal;
  /** What it reads. */
  input?: string | undefined;
  /** Absent: five minutes. */
  limitMs?: number | undefined;
}

export interface GitResult {
  ok: boolean;
  stdout: string;
  /** Why it failed, as a clause for people; "" if it did not. */
  why: string;
}

/**
 * Runs git without prompts and returns what it printed. Throws only the signal's reason. When it returns, git and its
 * helpers have ended.
 */
export async function git(args: readonly string[], options: GitOptions): Promise<GitResult> {
  options.signal.throwIfAborted();
  const child = start(args, options);
  if (typeof child === "string") return { ok: false, stdout: "", why: child };
  const outputs = [child.stdout, child.stderr].map((one) => new ChildOutput(one, MAX_OUTPUT_BYTES));
  const limitMs = options.limitMs ?? LIMIT_MS;
  const ended = new AbortController();
  try {
    const late = pause(limitMs, options.signal, ended.signal).then(() => undefined);
    const exitCode = await Promise.race([child.exited, late]);
    options.signal.throwIfAborted();
    if (exitCode === undefined)
      return { ok: false, stdout: "", why: `git did not answer within ${limitMs / 1_000} s` };
    await Promise.all(outputs.map((one) => one.rest()));
    const [stdout = "", stderr = ""] = outputs.map((one) => one.text);
    const why = exitCode === 0 ? "" : `git ${commandOf(args)} failed: ${complaint(stderr, exitCode)}`;
    return { ok: exitCode === 0, stdout, why };
  } finally {
    ended.abort();
    signalGroup(child.pid, "SIGKILL");
    for (const one of outputs) one.stop();
    await child.exited;
  }
}

/** The same; throws an Error if git fails. Returns what it printed, without the newline at the end. */
export async function mustGit(args: readonly string[], options: GitOptions): Promise<string> {
  const { ok, stdout, why } = await git(args, options);
  if (!ok) throw new Error(`${why}.`);
  return stdout.trimEnd();
}

/** Variables that let git log in to this server. They are in no command line and no file. */
export function loginEnvironment(url: string, token: string): Record<string, string> {
  if (token === "" || !URL.canParse(url) || !url.startsWith("http")) return {};
  return {
    GIT_CONFIG_COUNT: "1",
    GIT_CONFIG_KEY_0: extraHeaderKey(url),
    GIT_CONFIG_VALUE_0: loginHeader(token),
  };
}

/** The key of the configuration that holds `loginHeader` for a server. */
export function extraHeaderKey(url: string): string {
  return `http.${new URL(url).origin}/.extraheader`;
}

export function loginHeader(token: string): string {
  return `AUTHORIZATION: basic ${btoa(`x-access-token:${token}`)}`;
}

function start(
  args: readonly string[],
  { cwd, env, input }: GitOptions,
): Bun.Subprocess<"ignore" | Blob, "pipe", "pipe"> | string {
  if (Bun.which("git") === null)
    return "this machine has no git; install it, or put actions into a directory and name it with --action-store DIR";
  try {
    return Bun.spawn(["git", ...args], {
      cwd: cwd ?? "/",
      stdin: input === undefined ? "ignore" : new Blob([input]),
      stdout: "pipe",
      stderr: "pipe",
      env: { ...environment(), ...env },
      // In a process group of its own, its helpers are ended with it.
      detached: true,
    });
  } catch (error) {
    return `git cannot be run: ${textOf(error)}`;
  }
}

/** Without what would point git at another repository, and without anything that asks a person. */
function environment(): Record<string, string> {
  const own = Object.entries(process.env).filter(
    ([name, value]) => value !== undefined && (!name.startsWith("GIT_") || KEPT.has(name)),
  ) as [string, string][];
  return {
    GIT_SSH_COMMAND: "ssh -o BatchMode=yes -o ConnectTimeout=15",
    ...Object.fromEntries(own),
    GIT_TERMINAL_PROMPT: "0",
    GIT_ASKPASS: "true",
    SSH_ASKPASS: "true",
    GCM_INTERACTIVE: "never",
    GIT_LFS_SKIP_SMUDGE: "1",
    LC_ALL: "C",
  };
}

const KEPT = new Set([
  "GIT_SSH_COMMAND",
  "GIT_SSH",
  "GIT_SSL_CAINFO",
  "GIT_SSL_NO_VERIFY",
  "GIT_CONFIG_GLOBAL",
  "GIT_CONFIG_SYSTEM",
  "GIT_CONFIG_NOSYSTEM",
  "GIT_EXEC_PATH",
]);

function commandOf(args: readonly string[]): string {
  return args.find((arg, index) => !arg.startsWith("-") && !TAKES_VALUE.test(args[index - 1] ?? "")) ?? "";
}

const TAKES_VALUE = /^-[cC]$/;

function complaint(stderr: string, exitCode: number): string {
  const lines = stderr.split("\n").map((line) => line.trim());
  const said = lines
    .filter((line) => /^(fatal|error|remote): ?/.test(line))
    .map((line) => line.replace(/\.$/, ""))
    .join("; ");
  return (said || lines.findLast((line) => line !== "") || `exit code ${exitCode}`).slice(
    0,
    MAX_QUOTED_CHARACTERS,
  );
}
