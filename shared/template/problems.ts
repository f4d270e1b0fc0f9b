import type { Issue } from "../issues.ts";
import { valueAt } from "../value-at.ts";
import { type Fillings, fillJob, type TemplateJob } from "./fill.ts";
import { checkValue, MAX_ARGUMENT_BYTES, problemOfParameter, type TemplateParameter } from "./parameter.ts";
import { Patterns } from "./pattern.ts";
import { namesIn, namesInWords, type Piece, PlaceholderError, parsePieces } from "./placeholders.ts";
import { CommandWords } from "./program-text.ts";
import { shellProblems } from "./shell-text.ts";

interface Parts {
  parameters: readonly TemplateParameter[];
  job: TemplateJob;
}

const MAX_DEPTH = 8;
const MAX_PLACEHOLDERS = 1_000;

/** Everything in a template that would fail in every run, with any values. */
export function problemsOf({ parameters, job }: Parts): Issue[] {
  const texts: FoundText[] = [];
  const problems = [
    ...sameNames(parameters),
    ...wrongParameters(parameters),
    ...collectTexts(job, ["job"], texts),
  ];
  const placeholders = texts.reduce((sum, { pieces }) => sum + namesIn(pieces).length, 0);
  if (placeholders > MAX_PLACEHOLDERS) {
    return [
      { path: ["job"], message: `has ${placeholders} placeholders; at most ${MAX_PLACEHOLDERS} are allowed` },
    ];
  }
  const known = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  problems.push(...texts.flatMap((found) => problemsOfText(found, known)), ...programArguments(job));
  const used = new Set(texts.flatMap(({ pieces }) => namesIn(pieces)));
  for (const [i, { name }] of parameters.entries()) {
    if (used.has(name)) continue;
    problems.push({ path: ["parameters", i, "name"], message: `${name} is not used in the job` });
  }
  return problems.length > 0 ? problems : problemsOfSamples(job, parameters, known);
}

interface FoundText {
  path: PropertyKey[];
  pieces: Piece[];
}

function sameNames(parameters: readonly TemplateParameter[]): Issue[] {
  return parameters.flatMap(({ name }, i) => {
    if (parameters.findIndex((other) => other.name === name) === i) return [];
    return [{ path: ["parameters", i, "name"], message: `another parameter is named ${name}` }];
  });
}

function wrongParameters(parameters: readonly TemplateParameter[]): Issue[] {
  const patterns = new Patterns();
  return parameters.flatMap((parameter, i) => {
    const problem = problemOfParameter(parameter, patterns);
    return problem ? [{ path: ["parameters", i, problem.field], message: problem.message }] : [];
  });
}

/** Collects every string of a value with its path. Returns the mistakes in the strings themselves. */
function collectTexts(value: unknown, path: PropertyKey[], texts: FoundText[]): Issue[] {
  if (path.length > MAX_DEPTH) return [{ path, message: "is nested too deeply" }];
  if (typeof value === "string") {
    try {
      texts.push({ path, pieces: parsePieces(value) });
      return [];
    } catch (error) {
      if (error instanceof PlaceholderError) return [{ path, message: error.message }];
      throw error;
    }
  }
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([key, inner]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    const inKey = key.includes("{{") ? [{ path: at, message: "a name must not contain a placeholder" }] : [];
    return [...inKey, ...collectTexts(inner, at, texts)];
  });
}

function problemsOfText({ path, pieces }: FoundText, known: ReadonlyMap<string, TemplateParameter>): Issue[] {
  const problems: Issue[] = [];
  for (const name of new Set(namesIn(pieces))) {
    if (known.has(name)) continue;
    const there = namesInWords([...known.keys()]);
    problems.push({
      path,
      message: `{{${name}}} is not a parameter of this template (parameters: ${there})`,
    });
  }
  const isShellText = path.length === 2 && path[1] === "command";
  if (!isShellText || namesIn(pieces).length === 0) return problems;
  if (pieces.some((piece) => "text" in piece && piece.text.includes("\0"))) {
    return [...problems, { path, message: "the command must not contain a null byte" }];
  }
  const length = pieces.reduce((sum, piece) => sum + ("text" in piece ? piece.text.length : 0), 0);
  if (length > MAX_ARGUMENT_BYTES) {
    return [...problems, { path, message: `is longer than the ${MAX_ARGUMENT_BYTES} bytes a shell accepts` }];
  }
  const unsafe = shellProblems(pieces);
  return [...problems, ...unsafe.map(({ name, message }) => ({ path, message: `{{${name}}}: ${message}` }))];
}

/** Refuses `[sh, -c, "echo {{text}}"]`, in which a value could become code. */
function programArguments({ command }: TemplateJob): Issue[] {
  if (!Array.isArray(command) || !command.every((arg) => typeof arg === "string")) return [];
  const words = new CommandWords();
  return command.flatMap((arg: string, i) => {
    const isProgram = words.nextIsProgram;
    words.push(arg);
    if (!isProgram || !arg.includes("{{") || !hasPlaceholder(arg)) return [];
    const message =
      "has a placeholder in program text, where a value could become code; write the program text as the command " +
      'itself, or pass the value as an argument, as in [sh, -c, \'echo "$1"\', sh, "{{value}}"]';
    return [{ path: ["job", "command", i], message }];
  });
}

function hasPlaceholder(text: string): boolean {
  try {
    return namesIn(parsePieces(text)).length > 0;
  } catch {
    // `collectTexts` reports the mistake.
    return false;
  }
}

/** Fills the job twice, with all values and with only the required values, and checks the results. */
function problemsOfSamples(
  job: TemplateJob,
  parameters: readonly TemplateParameter[],
  known: ReadonlyMap<string, TemplateParameter>,
): Issue[] {
  const all: Fillings = new Map(parameters.map((parameter) => [parameter.name, sampleOf(parameter)]));
  const least: Fillings = new Map(
    parameters.map((parameter) => [
      parameter.name,
      parameter.required || parameter.default !== undefined ? sampleOf(parameter) : undefined,
    ]),
  );
  const withAll = fillJob(job, all);
  if ("issues" in withAll) {
    const certain = withAll.issues.filter(
      (issue) => !issue.ofValue || !dependsOnText(job, issue.path, known),
    );
    return certain.map(({ path, message }) => ({ path: ["job", ...path], message }));
  }
  const withLeast = fillJob(job, least);
  if (!("issues" in withLeast)) return [];
  const prefix = "with only the required values: ";
  return withLeast.issues.map(({ path, message }) => ({ path: ["job", ...path], message: prefix + message }));
}

function sampleOf(parameter: TemplateParameter) {
  const first = { string: "sample", file: "/sample", boolean: true, enum: parameter.values?.[0] ?? "" };
  const { min, max, type } = parameter;
  const given = parameter.default ?? (type === "number" ? (min ?? max ?? 1) : first[type]);
  const checked = checkValue(parameter, given);
  return "problem" in checked ? undefined : checked;
}

/** Whether the value comes from free text, so only a real value can show whether it is valid. */
function dependsOnText(
  job: TemplateJob,
  path: readonly PropertyKey[],
  known: ReadonlyMap<string, TemplateParameter>,
): boolean {
  const source = valueAt(job, path);
  if (typeof source !== "string") return false;
  return namesIn(parsePieces(source)).some((name) => {
    const parameter = known.get(name);
    return (parameter?.type === "string" || parameter?.type === "file") && parameter.default === undefined;
  });
}
