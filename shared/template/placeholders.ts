/** A piece of a text: literal, or a placeholder for a parameter. */
export type Piece = { text: string } | { name: string };

/** `{{` begins a placeholder; `{{{{` is a literal `{{`. A third brace before a name stands for itself. */
const PLACEHOLDER = /\{\{\s*([A-Za-z_][A-Za-z0-9_-]*)\s*\}\}/y;
const MAX_SHOWN = 30;
const MAX_NAMES = 20;

/** What stands between braces is no placeholder. */
export class PlaceholderError extends Error {
  override name = "PlaceholderError";
}

/** Takes a text apart. Throws PlaceholderError. */
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

/** The text that `parsePieces` takes for the literal `text`. */
export function escapeLiteral(text: string): string {
  return text.replaceAll("{{", "{{{{");
}

export function namesIn(pieces: readonly Piece[]): string[] {
  return pieces.flatMap((piece) => ("name" in piece ? [piece.name] : []));
}

/** Names of parameters for a message, of which there may be many. */
export function namesInWords(names: readonly string[]): string {
  const more = names.length - MAX_NAMES;
  const shown = names.slice(0, MAX_NAMES).join(", ") || "none";
  return more > 0 ? `${shown} and ${more} more` : shown;
}

/** The one parameter that a text is nothing but a placeholder for. */
export function onlyPlaceholder(pieces: readonly Piece[]): string | undefined {
  const [first] = pieces;
  return pieces.length === 1 && first && "name" in first ? first.name : undefined;
}

function notAPlaceholder(rest: string): PlaceholderError {
  const shown = rest.length > MAX_SHOWN ? `${rest.slice(0, MAX_SHOWN)}…` : rest;
  return new PlaceholderError(
    `${JSON.stringify(shown)} is no placeholder like {{name}}; for a literal {{ write {{{{`,
  );
}
