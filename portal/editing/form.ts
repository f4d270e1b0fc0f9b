import type { Fields, Path, Problem } from "./document.ts";

/** What the controls of a form show and change: a manifest, by path. */
export interface Form {
  fields: Fields;
  problems: readonly Problem[];
  /** An undefined value, an empty text, list or map removes the field. */
  set(path: Path, value: unknown): void;
}

export function valueAt(fields: Fields, path: Path): unknown {
  let value: unknown = fields;
  for (const step of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = (value as Fields)[step];
  }
  return value;
}

/** What is wrong with the field, or with something in it. */
export function problemAt({ problems }: Pick<Form, "problems">, path: Path): string | undefined {
  const at = path.join(".");
  const said = problems.flatMap(({ path: where, message }) => {
    if (where === at) return [sentence(message)];
    return where?.startsWith(`${at}.`) ? [`${placeInWords(where.slice(at.length + 1))}: ${message}`] : [];
  });
  return said.length === 0 ? undefined : said.join(" ");
}

/** People count from 1. */
function placeInWords(path: string): string {
  return path.replace(/^\d+/, (index) => `No. ${Number(index) + 1}`).replaceAll(".", " ");
}

export function sentence(message: string): string {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
