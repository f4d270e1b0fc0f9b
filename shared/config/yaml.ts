import { type Document, isMap, isPair, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import { z } from "zod";
import { type Issue, issuesOf } from "../issues.ts";
import { putWrittenScalars } from "./written-scalars.ts";

/** A mistake in a file a person wrote. `line` and `column` count from 1. */
export interface FileIssue {
  file: string;
  line: number;
  column: number;
  /** Such as `resources.cpu`; absent if the text is not valid YAML or JSON. */
  field?: string;
  message: string;
}

/** A file that is not YAML at all has thousands. */
const MAX_ISSUES_SHOWN = 10;

/** A file a person wrote is invalid; every issue names file, line and field. */
export class FileError extends Error {
  override name = "FileError";

  constructor(
    readonly issues: FileIssue[],
    { maxShown = MAX_ISSUES_SHOWN } = {},
  ) {
    const shown = issues.slice(0, maxShown).map(formatFileIssue);
    const more = issues.length - shown.length;
    super([...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("\n"));
  }
}

export function formatFileIssue(issue: FileIssue): string {
  const place = `${issue.file}:${issue.line}:${issue.column}`;
  return issue.field ? `${place}: ${issue.field}: ${issue.message}` : `${place}: ${issue.message}`;
}

/**
 * Parses YAML (and so JSON) and checks it against `schema`. An unquoted scalar keeps its characters if the schema expects
 * text; in JSON, a number that would not keep its digits there is an issue. `<<` merges maps. Top-level fields that begin
 * with `x-` are the author's own and ignored.
 * Throws FileError with every issue found, each at the line of its field.
 */
export function parseYaml<Schema extends z.ZodType>(
  text: string,
  file: string,
  schema: Schema,
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    merge: true,
    // Keys are text too: the label 1.10 is not the label 1.1.
    stringKeys: true,
  });
  // A warning means a tag or a key that would not be read as intended.
  const troubles = [...document.errors, ...document.warnings];
  // An unclosed bracket or quote is only noticed after the last character.
  const lastOffset = Math.max(0, text.trimEnd().length - 1);
  if (troubles.length > 0) {
    throw new FileError(
      troubles.map(({ pos, code, message }) => ({
        file,
        ...position(lines, Math.min(pos[0], lastOffset)),
        ...(code === "DUPLICATE_KEY" && { field: fieldAt(document, pos[0]) }),
        message: inWords[code] ?? printable(message),
      })),
    );
  }
  const value = withoutExtensions(plainValue(document, file) ?? {});
  const changed = putWrittenScalars(document, value, schema, () => isJson(text));
  const result = schema.safeParse(value);
  if (result.success && changed.length === 0) return result.data;
  const wrong = result.success ? [] : issuesOf(result.error, (path) => fieldsAt(schema, path));
  const issues = [...changed, ...wrong].map(({ path, message }: Issue) => ({
    file,
    ...position(lines, offsetOf(document.contents as Node | null, path)),
    field: printable(path.join(".")) || undefined,
    message,
  }));
  throw new FileError(issues.sort((a, b) => a.line - b.line || a.column - b.column));
}

/** Replaces messages of the library that are not for people. */
const inWords: Partial<Record<string, string>> = {
  MULTIPLE_DOCS: "the file must contain one document, without ---",
  DUPLICATE_KEY: "appears twice; keep one of them",
  NON_STRING_KEY: "a field's name must be text, not a list or a map",
};

const WRONG_MERGE = "<< takes a map, an alias of a map, or a list of aliases of maps";

/** The plain value. Throws FileError for mistakes that only show when aliases are expanded. */
function plainValue(document: Document.Parsed, file: string): unknown {
  try {
    // maxAliasCount keeps a small file from growing into a huge value ("billion laughs").
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const { message } = error as Error;
    const said = message.startsWith("Merge sources") ? WRONG_MERGE : printable(message);
    throw new FileError([{ file, line: 1, column: 1, message: said }]);
  }
}

/** Drops fields such as `x-common: &common …`, which only hold values other fields refer to. */
function withoutExtensions(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).filter(([field]) => !field.startsWith("x-")));
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text.replace(/^\uFEFF/, ""));
    return true;
  } catch {
    return false;
  }
}

const MAX_MESSAGE_LENGTH = 300;

/** A message may quote the file; its control characters must not reach a terminal. */
function printable(text: string): string {
  return text.replace(/\p{C}+/gu, " ").slice(0, MAX_MESSAGE_LENGTH);
}

/** The fields a schema has at a path; empty if the schema does not list them. */
function fieldsAt(schema: z.ZodType, path: readonly PropertyKey[]): string[] {
  let current: unknown = schema;
  for (const step of [...path, undefined]) {
    while (isWrapped(current)) current = current instanceof z.ZodPipe ? current.out : current.unwrap();
    if (!(current instanceof z.ZodObject)) return [];
    if (step === undefined) return Object.keys(current.shape);
    current = current.shape[String(step)];
  }
  return [];
}

function isWrapped(schema: unknown): schema is z.ZodOptional | z.ZodDefault | z.ZodPrefault | z.ZodPipe {
  return [z.ZodOptional, z.ZodDefault, z.ZodPrefault, z.ZodPipe].some((wrapper) => schema instanceof wrapper);
}

/** The field whose name is at this offset in the text. */
function fieldAt(document: Document.Parsed, offset: number): string | undefined {
  let field: string | undefined;
  visit(document, {
    Pair(_, pair, ancestors) {
      if ((pair.key as Node | null)?.range?.[0] !== offset) return undefined;
      field = printable([...ancestors.filter(isPair), pair].map(({ key }) => String(key)).join("."));
      return visit.BREAK;
    },
  });
  return field;
}

/** The offset in the text of the value at `path`, or of its nearest parent in the text. */
function offsetOf(root: Node | null, path: readonly PropertyKey[]): number {
  let offset = root?.range?.[0] ?? 0;
  let current: unknown = root;
  for (const step of path) {
    if (isMap(current)) {
      const pair = current.items.find((item) => isPair(item) && String(item.key) === String(step));
      if (!pair) break;
      offset = (pair.key as Node | null)?.range?.[0] ?? offset;
      current = pair.value;
    } else if (isSeq(current)) {
      current = current.items[Number(step)];
      offset = (current as Node | undefined)?.range?.[0] ?? offset;
    } else {
      break;
    }
  }
  return offset;
}

function position(lines: LineCounter, offset: number): { line: number; column: number } {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(line, 1), column: Math.max(col, 1) };
}
