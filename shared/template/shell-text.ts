import { singleQuoted } from "../shell-word.ts";
import type { Piece } from "./placeholders.ts";
import { ShellScanner } from "./shell-scanner.ts";

/** The quotes around a placeholder in text for `sh -c`: none, '…' or "…". */
export type ShellContext = "bare" | "single" | "double";

/** Why a placeholder is not allowed at its position. */
export interface ShellProblem {
  name: string;
  message: string;
}

/** The placeholders in text for `sh -c` that cannot be quoted safely; empty if all can. */
export function shellProblems(pieces: readonly Piece[]): ShellProblem[] {
  return scan(pieces).flatMap((place) =>
    "problem" in place ? [{ name: place.name, message: place.problem }] : [],
  );
}

/**
 * The text for `sh -c` with every value quoted for its position, so the shell takes it literally: always exactly one word
 * or a part of one. Throws if `shellProblems` finds a problem.
 */
export function fillShellText(pieces: readonly Piece[], textOf: (name: string) => string): string {
  const places = scan(pieces);
  let placed = 0;
  return pieces
    .map((piece) => {
      if ("text" in piece) return piece.text;
      const place = places[placed++];
      if (!place || "problem" in place) {
        throw new Error(`The placeholder {{${piece.name}}} cannot be filled: ${place?.problem}`);
      }
      return quoteFor(place.context, textOf(piece.name));
    })
    .join("");
}

/** Single quotes in every context; inside double quotes those are closed around them. */
function quoteFor(context: ShellContext, value: string): string {
  const quoted = singleQuoted(value);
  if (context === "single") return quoted.slice(1, -1);
  return context === "double" ? `"${quoted}"` : quoted;
}

type Place = { name: string } & ({ context: ShellContext } | { problem: string });

function scan(pieces: readonly Piece[]): Place[] {
  const names = pieces.flatMap((piece) => ("name" in piece ? [piece.name] : []));
  const text = pieces.map((piece) => ("text" in piece ? piece.text : ShellScanner.PLACEHOLDER)).join("");
  return new ShellScanner(text).places().map((place, i) => ({ name: names[i] ?? "", ...place }));
}
