import { isMap, isPair, isSeq, LineCounter, type Node, parseDocument } from "yaml";
import type { z } from "zod";

/** One thing wrong with a file a person wrote. `line` and `column` count from 1. */
export interface FileIssue {
  file: string;
  line: number;
  column: number;
  /** As `resources.cpu`; absent where the text itself cannot be read as YAML or JSON. */
  field?: string;
  message: string;
}

/** A file a person wrote is not what it should be; every issue names file, line and field. */
export class FileError extends Error {
  override name = "FileError";
  readonly issues: FileIssue[];

  constructor(issues: FileIssue[]) {
    super(issues.map(formatFileIssue).join("\n"));
    this.issues = issues;
  }
}

export function formatFileIssue(issue: FileIssue): string {
  const place = `${issue.file}:${issue.line}:${issue.column}`;
  return issue.field ? `${place}: ${issue.field}: ${issue.message}` : `${place}: ${issue.message}`;
}

/**
 * Reads YAML (and so JSON) text and checks it against `schema`.
 * Throws FileError with every issue found, each at the line of the field it is about.
 */
export function parseYaml<Schema extends z.ZodType>(
  text: string,
  file: string,
  schema: Schema,
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  if (document.errors.length > 0) {
    throw new FileError(
      document.errors.map((error) => ({ file, ...position(lines, error.pos[0]), message: error.message })),
    );
  }
  // maxAliasCount keeps a small file from growing into a huge one ("billion laughs").
  const result = schema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
  if (result.success) return result.data;
  throw new FileError(
    result.error.issues.map((issue) => {
      const path = issue.code === "unrecognized_keys" ? [...issue.path, issue.keys[0] ?? ""] : issue.path;
      return {
        file,
        ...position(lines, offsetOf(document.contents as Node | null, path)),
        field: path.join(".") || undefined,
        message: issue.code === "unrecognized_keys" ? "unknown field" : issue.message,
      };
    }),
  );
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
