import { type Document, isMap, isPair, isSeq, LineCounter, type Node, parseDocument, visit } from "yaml";
import { z } from "zod";
import { type Issue, issuesOf } from "../issues.ts";
import { putWrittenScalars } from "./written-scalars.ts";

/** One thing wrong with a file a person wrote. `line` and `column` count from 1. */
export interface FileIssue {
  file: string;
  line: number;
  column: number;
  /** As `resources.cpu`; absent where the text itself cannot be read as YAML or JSON. */
  field?: string;
  message: string;
}

/** A file that is no YAML at all has thousands. */
const MAX_ISSUES_SHOWN = 10;

/** A file a person wrote is not what it should be; every issue names file, line and field. */
export class FileError extends Error {
  override name = "FileError";
  readonly issues: FileIssue[];

  constructor(issues: FileIssue[]) {
    const shown = issues.slice(0, MAX_ISSUES_SHOWN).map(formatFileIssue);
    const more = issues.length - shown.length;
    super([...shown, ...(more > 0 ? [`and ${more} more`] : [])].join("\n"));
    this.issues = issues;
  }
}

export function formatFileIssue(issue: FileIssue): string {
  const place = `${issue.file}:${issue.line}:${issue.column}`;
  return issue.field ? `${place}: ${issue.field}: ${issue.message}` : `${place}: ${issue.message}`;
}

/**
 * Reads YAML (and so JSON) text and checks it against `schema`. An unquoted scalar keeps its characters where the schema
 * takes a text; in JSON a number whose characters would change there is an issue. `<<` merges maps, and fields of the file
 * itself that begin with `x-` are for its author alone.
 * Throws FileError with every issue found, each at the line of the field it is about.
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
    // A key is a text, too: the label 1.10 is not the label 1.1.
    stringKeys: true,
  });
  // A warning is about a tag or a key that would not be taken as it is meant.
  const troubles = [...document.errors, ...document.warnings];
  // What is never closed is noticed at the end of the file, where nothing stands any more.
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

/** What the library says of these is not for people. */
const inWords: Partial<Record<string, string>> = {
  MULTIPLE_DOCS: "the file must hold one document, without ---",
  DUPLICATE_KEY: "stands there twice; keep one of them",
  NON_STRING_KEY: "a field must have a name: one text, not a list or a map",
};

const WRONG_MERGE = "<< takes a map, an alias of a map, or a list of aliases of maps";

/** The plain value; throws FileError for what only shows when aliases are put in. */
function plainValue(document: Document.Parsed, file: string): unknown {
  try {
    // maxAliasCount keeps a small file from growing into a huge one ("billion laughs").
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const { message } = error as Error;
    const said = message.startsWith("Merge sources") ? WRONG_MERGE : printable(message);
    throw new FileError([{ file, line: 1, column: 1, message: said }]);
  }
}

/** `x-common: &common …` holds what other fields of the file refer to. */
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

/** A message may quote the file, and the file may be anything: a terminal must not be driven by it. */
function printable(text: string): string {
  return text.replace(/\p{C}+/gu, " ").slice(0, MAX_MESSAGE_LENGTH);
}

/** The names that a schema knows at a place; none where it does not say. */
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

/** The field whose name stands at this place in the text. */
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

/** Where in the text the value at `path` stands, or the nearest of its parents that does. */
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
