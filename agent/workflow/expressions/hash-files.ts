import { data } from "@actions/expressions";
import type { FunctionDefinition } from "@actions/expressions/funcs/info";
import { hashFiles } from "@actions/glob";
import { selfCommand } from "../../../shared/self-command.ts";

/** The runner gives up after the same time. */
const LIMIT_MS = 120_000;
const FOLLOW = "--follow-symbolic-links";
const RESULT = "hash of files: ";

/**
 * `hashFiles`, relative to the workspace. An expression cannot wait, and the library reads files asynchronously from the
 * process's own directory: a process of its own does it, as in GitHub's runner.
 */
export function hashFilesFunction(workspace: string): FunctionDefinition {
  return {
    name: "hashFiles",
    minArgs: 1,
    maxArgs: 255,
    call: (...args: data.ExpressionData[]) =>
      new data.StringData(
        hashOf(
          workspace,
          args.map((arg) => arg.coerceString()),
        ),
      ),
  };
}

function hashOf(workspace: string, patterns: readonly string[]): string {
  const child = Bun.spawnSync([...selfCommand(), "workflow", "hash-files", "--", ...patterns], {
    cwd: workspace,
    env: { HOME: process.env.HOME ?? "/", TMPDIR: process.env.TMPDIR ?? "/tmp" },
    stdin: "ignore",
    timeout: LIMIT_MS,
    maxBuffer: 64 * 1024 * 1024,
  });
  if (child.exitedDueToTimeout) throw new Error(`hashFiles took more than ${LIMIT_MS / 1_000} s`);
  const output = child.stdout.toString();
  const at = output.lastIndexOf(RESULT);
  if (child.exitCode === 0 && at >= 0) return output.slice(at + RESULT.length).trim();
  throw new Error(
    `hashFiles(${patterns.join(", ")}) failed in ${workspace}: ${child.stderr.toString().trim()}`,
  );
}

/** What that process does: prints the hash of the files below its directory, last on standard output. */
export async function printHashOfFiles(patterns: readonly string[]): Promise<void> {
  const followSymbolicLinks = patterns[0]?.toLowerCase() === FOLLOW;
  const lines = followSymbolicLinks ? patterns.slice(1) : patterns;
  const write = process.stdout.write;
  // The library writes a line about every file.
  process.stdout.write = () => true;
  const hash = await hashFiles(lines.join("\n"), process.cwd(), { followSymbolicLinks });
  process.stdout.write = write;
  process.stdout.write(`${RESULT}${hash}\n`);
}
