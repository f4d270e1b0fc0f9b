/** A piece of a glob: literal text, any one character (`one`), or any number of characters (`many`). */
type Piece = { kind: "text"; text: string } | { kind: "one" } | { kind: "many" };

/** The name that a glob without wildcards means, which the store can look up in an index. Undefined if it has any. */
export function plainName(glob: string): string | undefined {
  const pieces = piecesOf(glob);
  if (pieces.some((piece) => piece.kind !== "text")) return undefined;
  return pieces.map((piece) => (piece.kind === "text" ? piece.text : "")).join("");
}

/** The glob in the syntax of SQLite's GLOB. */
export function sqliteGlob(glob: string): string {
  return piecesOf(glob)
    .map((piece) => {
      if (piece.kind === "one") return "?";
      if (piece.kind === "many") return "*";
      return piece.text.replace(/[*?[]/g, (special) => `[${special}]`);
    })
    .join("");
}

/**
 * The glob as a PCRE regular expression. The text between two `*` is matched at its first place only (`(?>…)`). That is
 * enough for a glob, and takes at most linear time per wildcard for any name.
 */
export function pcreOfGlob(glob: string): string {
  const parts: string[] = [""];
  for (const piece of piecesOf(glob)) {
    if (piece.kind === "many") parts.push("");
    else parts.push(`${parts.pop() ?? ""}${piece.kind === "one" ? ANY : escaped(piece.text)}`);
  }
  const [first = "", ...others] = parts;
  const last = others.pop();
  if (last === undefined) return `^${first}\\z`;
  const middle = others.filter(Boolean).map((part) => `(?>${ANY}*?${part})`);
  // `\z`, because `$` would also match before a newline at the end.
  return `^${first}${middle.join("")}${ANY}*${last}\\z`;
}

/** A PCRE regular expression for texts that contain this one; upper and lower case of A to Z are the same. */
export function pcreOfPart(text: string): string {
  return [...text]
    .map((character) =>
      /[A-Za-z]/.test(character)
        ? `[${character.toUpperCase()}${character.toLowerCase()}]`
        : escaped(character),
    )
    .join("");
}

/** Any one character, including a newline. */
const ANY = "[\\s\\S]";

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** `\` makes the next character literal. Several `*` in a row count as one. */
function piecesOf(glob: string): Piece[] {
  const pieces: Piece[] = [];
  const characters = [...glob];
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i] ?? "";
    const last = pieces.at(-1);
    if (character === "*") {
      if (last?.kind !== "many") pieces.push({ kind: "many" });
    } else if (character === "?") {
      pieces.push({ kind: "one" });
    } else {
      const text = character === "\\" && i + 1 < characters.length ? (characters[++i] ?? "") : character;
      if (last?.kind === "text") last.text += text;
      else pieces.push({ kind: "text", text });
    }
  }
  return pieces;
}
