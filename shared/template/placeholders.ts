import { excerpt } from "../excerpt.ts";

/** A piece of a string: literal text, or a placeholder for a parameter. */
export type Piece = { text: string } | { name: string };

/** `{{` begins a placeholder; `{{{{` is a literal `{{`. A third brace before a name is literal. */
const PLACEHOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}/y;
const MAX_SHOWN = 30;
const MAX_NAMES = 20;

/** The text between braces is not a placeholder. */
export class PlaceholderError extends Error {
  override name = "PlaceholderError";
}

/** Splits a string into pieces. Throws PlaceholderError. */
export function parsePieces(text: string): Piece[] {
  const pieces: Piece[] = [];
  let literal = "";
  for (let i = 0; i < text.length; ) {
    if (!text.startsWith("{{", i)) {
      literal += text[i++];
    } else if (text.startsWith("{{{{", i)) {
      literal += "{{";
      i += 4;
    } else if (text.startsWith("{{{", i)) {
      literal += "{";
      i += 1;
    } else {
      PLACEHOLDER.lastIndex = i;
      const match = PLACEHOLDER.exec(text);
      if (!match) throw notAPlaceholder(text.slice(i));
      if (literal) pieces.push({ text: literal });
      pieces.push({ name: match[1] ?? "" });
      literal = "";
      i = PLACEHOLDER.lastIndex;
    }
  }
  if (literal) pieces.push({ text: literal });
  return pieces;
}

/** Escapes `text` so that `parsePieces` reads it as literal text. */
export function escapeLiteral(text: string): string {
  return text.replaceAll("{{", "{{{{");
}

export function namesIn(pieces: readonly Piece[]): string[] {
  return pieces.flatMap((piece) => ("name" in piece ? [piece.name] : []));
}

/** Lists parameter names in a message, at most 20 of them. */
export function namesInWords(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  const shown = names.slice(0, MAX_NAMES).join(", ") || "none";
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** The parameter's name if the string is only one placeholder. */
export function onlyPlaceholder(pieces: readonly Piece[]): string | undefined {
  const [first] = pieces;
  return pieces.length === 1 && first && "name" in first ? first.name : undefined;
}

function notAPlaceholder(rest: string): PlaceholderError {
  return new PlaceholderError(
    `${excerpt(rest, MAX_SHOWN)} is not a placeholder like {{name}}; for a literal {{ write {{{{`,
  );
}
