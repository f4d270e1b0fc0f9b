import { FeatureFlags } from "@actions/expressions/features";
import { isString, NoOperationTraceWriter } from "@actions/workflow-parser";
import type { TemplateSchema } from "@actions/workflow-parser/templates/schema/index";
import {
  TemplateContext,
  TemplateValidationErrors,
} from "@actions/workflow-parser/templates/template-context";
import { readTemplate } from "@actions/workflow-parser/templates/template-reader";
import type { MappingToken, TemplateToken } from "@actions/workflow-parser/templates/tokens/index";
import type { TokenRange } from "@actions/workflow-parser/templates/tokens/token-range";
import {
  isBasicExpression,
  isBoolean,
  isMapping,
  isNumber,
  isSequence,
} from "@actions/workflow-parser/templates/tokens/type-guards";
import { TokenType } from "@actions/workflow-parser/templates/tokens/types";
import type { Value } from "../expressions/scope.ts";
import "../expressions/library-fixes.ts";
import { hintFor, Questions, shownMessage } from "./hints.ts";
import type { Place, SyntaxProblem } from "./model.ts";
import { offsetInExpression, startOfExpression, unclosedExpression } from "./offsets.ts";
import { YamlReader } from "./yaml-reader.ts";

/** Reads YAML against a schema of GitHub's parser and collects what is wrong, each with its place. */
export class TemplateFile extends TemplateContext {
  readonly problems: SyntaxProblem[] = [];
  /** Absent if the file is not YAML, or not even a mapping. */
  readonly root: MappingToken | undefined;
  private readonly questions: Questions;
  private readonly reader: YamlReader;
  private readonly failedAt = new Set<string>();

  constructor(
    schema: TemplateSchema,
    rootType: string,
    readonly path: string,
    text: string,
  ) {
    const questions = new Questions();
    super(new TemplateValidationErrors(), questions.watch(schema), new NoOperationTraceWriter());
    this.questions = questions;
    this.state.featureFlags = new FeatureFlags({ allowBackgroundSteps: true });
    const fileId = this.getFileId(path);
    this.reader = new YamlReader(fileId, text);
    for (const [index, { message, range }] of this.reader.errors.entries()) {
      // After the first mistake the rest of the file seldom makes sense to the reader.
      if (index === 0 || !message.startsWith("Unexpected ")) this.report(yamlMessage(message), range?.start);
    }
    if (this.reader.errors.length > 0) return;
    for (const { message, start } of this.reader.complaints) this.report(message, start);
    if (this.reader.isScalar) this.report("The file must be a mapping");
    if (this.reader.isScalar) return;
    const root = this.reader.isEmpty ? undefined : readTemplate(this, rootType, this.reader, fileId);
    if (root !== undefined && isMapping(root)) this.root = root;
    else if (root === undefined && this.problems.length === 0) this.report("The file is empty");
  }

  /** Called by the parser, which knows the place of a value but seldom that of an expression in it. */
  override error(at: TemplateToken | number | undefined, error: unknown, range?: TokenRange): void {
    const token = typeof at === "object" ? at : undefined;
    const key = placeKey(token);
    // A value that was refused as a whole is looked at again by later checks: one line about it is enough.
    if (range === undefined && key !== undefined && this.failedAt.has(key)) return;
    if (key !== undefined) this.failedAt.add(key);
    const message = error instanceof Error ? error.message : String(error);
    const place = this.placeOf(token, error, message, range);
    this.report(
      shownMessage(message, this.questions),
      place ?? range?.start,
      hintFor(error, message, this.questions),
    );
  }

  /** Reports that a value is wrong, unless that is known already. */
  refuse(token: TemplateToken, message: string, hint: string): void {
    const key = placeKey(token);
    if (key !== undefined && this.failedAt.has(key)) return;
    this.report(message, token.range?.start, hint);
  }

  report(
    message: string,
    start?: TokenRange["start"],
    hint = hintFor(undefined, message, this.questions),
  ): void {
    const { line, column } = start ?? { line: 1, column: 1 };
    const { path: file, problems } = this;
    if (problems.some((known) => known.line === line && known.column === column && known.message === message))
      return;
    problems.push({ file, line, column, message, hint });
  }

  /** A place within a scalar, for what was found in its text. */
  placeIn(token: TemplateToken, value: string, offset: number): TokenRange["start"] | undefined {
    return token.range && this.reader.placeIn(token.range, value, offset);
  }

  private placeOf(
    token: TemplateToken | undefined,
    error: unknown,
    message: string,
    range: TokenRange | undefined,
  ): TokenRange["start"] | undefined {
    if (token?.range === undefined) return undefined;
    if (!isString(token)) return token.range.start;
    const unclosed = unclosedExpression(message, token.value);
    if (unclosed !== undefined) return this.placeIn(token, token.value, unclosed);
    const within = offsetInExpression(error, message);
    if (within === undefined && range === undefined) return token.range.start;
    const start = startOfExpression(token, range);
    return this.placeIn(token, token.value, start + (within ?? 0));
  }
}

/** The problems in the order of the file. */
export function sortedProblems(problems: readonly SyntaxProblem[]): SyntaxProblem[] {
  return problems.toSorted((a, b) => a.line - b.line || a.column - b.column);
}

export function fieldsOf(token: TemplateToken | undefined): Map<string, TemplateToken> {
  return new Map(pairsOf(token));
}

export function pairsOf(token: TemplateToken | undefined): [string, TemplateToken][] {
  return token !== undefined && isMapping(token)
    ? [...token].map(({ key, value }) => [String(key), value])
    : [];
}

export function itemsOf(token: TemplateToken | undefined): TemplateToken[] {
  return token !== undefined && isSequence(token) ? [...token] : [];
}

export function mappingOf(token: TemplateToken | undefined): MappingToken | undefined {
  return token !== undefined && isMapping(token) ? token : undefined;
}

export function textOfToken(token: TemplateToken | undefined): string | undefined {
  return token?.isScalar ? String(token) : undefined;
}

/** The value as the file has it; expressions are texts. */
export function plainOf(token: TemplateToken): Value {
  if (isSequence(token)) return [...token].map(plainOf);
  if (isMapping(token))
    return Object.fromEntries(pairsOf(token).map(([key, value]) => [key, plainOf(value)]));
  if (isBoolean(token) || isNumber(token)) return token.value;
  return token.templateTokenType === TokenType.Null ? null : sourceOf(token);
}

/** The text before expressions in it became one. */
function sourceOf(token: TemplateToken): string {
  return isBasicExpression(token) && token.originalExpressions
    ? (token.source ?? String(token))
    : String(token);
}

export function placeOf(token: TemplateToken | undefined): Place {
  const { line = 1, column = 1 } = token?.range?.start ?? {};
  return { line, column };
}

function placeKey(token: TemplateToken | undefined): string | undefined {
  const start = token?.isScalar ? token.range?.start : undefined;
  return start && `${start.line}:${start.column}`;
}

function yamlMessage(message: string): string {
  if (message.startsWith("Source contains multiple documents"))
    return "The file has more than one YAML document";
  const line = message.split("\n")[0]?.replace(/ at line \d+, column \d+:?$/, "") ?? message;
  return line.replace(/^Missing closing .quote/, "A quote is not closed");
}
