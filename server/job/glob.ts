/** A piece of a glob: characters as they are, one of any kind, or any number of them. */
type Piece = { kind: "text"; text: string } | { kind: "one" } | { kind: "many" };

/** The name a glob means where it has no wildcard: the store looks that up by its index. */
export function plainName(glob: string): string | undefined {
  const pieces = piecesOf(glob);
  if (pieces.some((piece) => piece.kind !== "text")) return undefined;
  return pieces.map((piece) => (piece.kind === "text" ? piece.text : "")).join("");
}

/** As SQLite's GLOB reads it. */
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
 * As a regular expression of PCRE. What stands between two `*` is looked for at its first place and never again
 * (`(?>…)`), which is enough for a glob and takes no more than linear time per wildcard, whatever the name.
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
  // `\z`: `$` would also stand before a newline at the end.
  return `^${first}${middle.join("")}${ANY}*${last}\\z`;
}

/** One character, also a newline. */
const ANY = "[\\s\\S]";

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

/** `\` takes the next character as it is; several `*` in a row are one. */
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
