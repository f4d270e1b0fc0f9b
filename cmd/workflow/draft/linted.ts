import { isUtf8 } from "node:buffer";
import { readFile } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { Linter } from "../../../agent/workflow/syntax/linter.ts";
import type { SyntaxProblem, Workflow } from "../../../agent/workflow/syntax/model.ts";
import { codeOf } from "../../../shared/code-of.ts";
import { textOf } from "../../../shared/text-of.ts";
import { CliError } from "../../exit/failure.ts";
import { firstLost } from "../../input/read-file.ts";
import { pathInRepository, type WorkflowPlace } from "./repository.ts";

export interface LintedWorkflow {
  /** On this machine. */
  file: string;
  /** As much as can be read; undefined: it is no YAML, or is an action. */
  workflow: Workflow | undefined;
}

export interface Linted {
  workflows: LintedWorkflow[];
  /** Of these files, and of the workflows and actions of the same repository that they use. */
  problems: SyntaxProblem[];
}

/**
 * Checks the workflows of a place, and also files named action.yml. `shown`: how problems name a file of this machine.
 * Throws CliError if a file cannot be read.
 */
export async function lintPlace(place: WorkflowPlace, shown: (file: string) => string): Promise<Linted> {
  const files = new Map(place.files.map((file) => [pathInRepository(place.top, file), file]));
  const fileOf = (path: string) => files.get(path) ?? join(place.top, path);
  const lost: SyntaxProblem[] = [];
  const linter = new Linter({
    read: async (path) => {
      const bytes = await bytesOf(fileOf(path));
      if (bytes === undefined || isUtf8(bytes)) return bytes?.toString("utf8");
      const message = "This is not UTF-8";
      lost.push({ file: shown(fileOf(path)), ...firstLost(bytes), message, hint: "Save the file as UTF-8." });
      return undefined;
    },
    shown: (path) => shown(fileOf(path)),
  });
  const workflows: LintedWorkflow[] = [];
  for (const [path, file] of files) {
    const isAction = /(^|\/)action\.ya?ml$/.test(path) && !path.startsWith(".github/workflows/");
    workflows.push({ file, workflow: isAction ? undefined : await linter.lint(path) });
    if (isAction) await linter.lintAction(path);
  }
  return { workflows, problems: [...lost, ...linter.problems] };
}

/** Names files as the person named the path: from the current directory, or in full. */
export function asNamed(path: string | undefined): (file: string) => string {
  if (path !== undefined && resolve(path) === path) return (file) => file;
  return (file) => {
    const below = relative(process.cwd(), file);
    return below === "" || below.split(sep)[0] === ".." ? file : below;
  };
}

async function bytesOf(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file);
  } catch (cause) {
    const code = codeOf(cause) ?? "";
    if (["ENOENT", "ENOTDIR", "EISDIR"].includes(code)) return undefined;
    throw new CliError("not_found", `cannot read ${file}: ${textOf(cause)}`, { cause });
  }
}
