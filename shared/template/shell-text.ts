import type { Piece } from "./placeholders.ts";
import { ShellScanner } from "./shell-scanner.ts";

/** Where a placeholder stands in a text for `sh -c`: outside quotes, in '…' or in "…". */
export type ShellContext = "bare" | "single" | "double";

/** Why a placeholder cannot stand where it does. */
export interface ShellProblem {
  name: string;
  message: string;
}

/** What is wrong with the places of the placeholders in a text for `sh -c`; nothing where all can be made safe. */
export function shellProblems(pieces: readonly Piece[]): ShellProblem[] {
  return scan(pieces).flatMap((place) =>
    "problem" in place ? [{ name: place.name, message: place.problem }] : [],
  );
}

/**
 * The text for `sh -c` with every value quoted for the place it stands in, so that the shell takes it as it is: always
 * exactly one word, or part of one. Throws where `shellProblems` has anything to say.
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

/** Everything rests on single quotes, in which a POSIX shell knows no special character but the quote itself. */
function quoteFor(context: ShellContext, value: string): string {
  const inner = value.replaceAll("'", "'\\''");
  if (context === "single") return inner;
  return context === "double" ? `"'${inner}'"` : `'${inner}'`;
}

type Place = { name: string } & ({ context: ShellContext } | { problem: string });

function scan(pieces: readonly Piece[]): Place[] {
  const names = pieces.flatMap((piece) => ("name" in piece ? [piece.name] : []));
  const text = pieces.map((piece) => ("text" in piece ? piece.text : ShellScanner.PLACEHOLDER)).join("");
  return new ShellScanner(text).places().map((place, i) => ({ name: names[i] ?? "", ...place }));
}
