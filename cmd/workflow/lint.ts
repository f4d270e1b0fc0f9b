import type { SyntaxProblem } from "../../agent/workflow/syntax/model.ts";
import { defineOptions } from "../../shared/config/options.ts";
import { defineCommand } from "../command/command.ts";
import { jsonOption } from "../command/common-options.ts";
import { exitCodes } from "../exit/exit-codes.ts";
import { asNamed, lintPlace } from "./draft/linted.ts";
import { findOwnWorkflows, findWorkflows } from "./draft/repository.ts";

export const command = defineCommand({
  options: defineOptions({ ...jsonOption }),
  positionals: [
    {
      name: "PATH",
      repeat: true,
      optional: true,
      help: "workflow files, action.yml files, or directories of workflows; absent: those of the repository around this directory",
    },
  ],
  examples: [
    { line: "workflow lint", does: "Check the workflows of the repository around this directory" },
    { line: "workflow lint .github/workflows/ci.yml --json", does: "Check one, for a script" },
  ],
  details: `Checks as GitHub does: keys, types, expressions and where each context may be used, needs, matrices, inputs, schedules, and the workflows and actions of the same repository that they use. Shows all problems at once, with file, line, column and what to do, and exits with 65 if there are any.
With --json it prints {"errors": [{"file", "line", "column", "message", "hint"}]}.`,
  async run({ options, positionals, output }) {
    const problems: SyntaxProblem[] = [];
    let count = 0;
    for (const path of positionals.length > 0 ? positionals : [undefined]) {
      const place = await (path === undefined ? findOwnWorkflows() : findWorkflows(path));
      const linted = await lintPlace(place, asNamed(path));
      problems.push(...linted.problems);
      count += place.files.length;
    }
    const errors = withoutRepeats(problems);
    if (options.json) await output.json({ errors });
    else for (const error of errors) await output.result(lineOf(error));
    if (errors.length > 0) return exitCodes.badData;
    if (!options.json) await output.note(count === 1 ? "1 file: ok" : `${count} files: ok`);
    return exitCodes.ok;
  },
});

/** In the order of the files given, and within a file from the top down. */
function withoutRepeats(problems: readonly SyntaxProblem[]): SyntaxProblem[] {
  const files = new Map<string, Map<string, SyntaxProblem>>();
  for (const { file, line, column, message, hint } of problems) {
    const ofFile = files.get(file) ?? new Map<string, SyntaxProblem>();
    files.set(file, ofFile.set(`${line}:${column}:${message}`, { file, line, column, message, hint }));
  }
  return [...files.values()].flatMap((ofFile) =>
    [...ofFile.values()].sort((a, b) => a.line - b.line || a.column - b.column),
  );
}

function lineOf({ file, line, column, message, hint }: SyntaxProblem): string {
  return `${file}:${line}:${column}: ${message}\n    ${hint}`;
}
