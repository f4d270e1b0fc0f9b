import type { Annotation } from "../../../shared/workflow-run.ts";

type Place = Pick<Annotation, "line" | "endLine" | "column" | "endColumn">;

/** The place of an annotation that a command names, in the way GitHub corrects one that cannot be. */
export function placeOf(properties: ReadonlyMap<string, string>): Place {
  let line = numberIn(properties.get("line"));
  let endLine = numberIn(properties.get("endline"));
  let column = numberIn(properties.get("col"));
  let endColumn = numberIn(properties.get("endcolumn"));
  line ??= endLine;
  column ??= endColumn;
  const isOneLine = line !== undefined && (endLine === undefined || endLine === line);
  if (!isOneLine || (column !== undefined && endColumn !== undefined && endColumn < column)) {
    column = undefined;
    endColumn = undefined;
  }
  if (line !== undefined && endLine !== undefined && endLine < line) {
    line = undefined;
    endLine = undefined;
  }
  return {
    ...(line !== undefined && { line }),
    ...(endLine !== undefined && { endLine }),
    ...(column !== undefined && { column }),
    ...(endColumn !== undefined && { endColumn }),
  };
}

/** A whole number as .NET reads it; undefined: the text is no number. */
export function numberIn(text: string | undefined): number | undefined {
  const number = /^\s*\d{1,9}\s*$/.test(text ?? "") ? Number(text) : undefined;
  return number !== undefined && Number.isSafeInteger(number) ? number : undefined;
}
