import { safeLine } from "../../shared/terminal-text.ts";
import { type Look, PLAIN } from "./look.ts";
import { joinPainted, type Painted, paint, paintState } from "./paint.ts";

const GAP = 2;
/** A column of words keeps at least this width. */
const LEAST_WIDTH = 8;
/** Ids, numbers, times and states, which are useful only uncut. */
const WHOLE =
  /^([a-z]+_[0-9a-hjkmnp-tv-z]{26}|[+-]?[$\d.,:/%-]+ ?[A-Za-z]{0,3}( ago)?|[\d-]{10}T[\d:.]+Z|exit \d+|[A-Z_]{1,12})$/;

type Rows = readonly (readonly string[])[];

/**
 * A table with headings, and columns as wide as their content; without rows, only the headings. On a terminal, states
 * have colours and a row takes one line: empty columns are dropped, and the widest texts are cut. Ids, numbers, times
 * and states are never cut. If they leave no room, the `spare` columns are dropped in order, and a last line says so.
 */
export function formatTable(
  headings: readonly string[],
  rows: Rows,
  look: Look = PLAIN,
  spare: readonly string[] = [],
): Painted {
  const all = [headings, ...rows.map((row) => row.map(safeLine))];
  const { columns, gap, leftOut } = layout(all, look, spare);
  const lines = all.map((row, at) => {
    const last = columns.findLastIndex(({ place }) => row[place]);
    const parts = columns.slice(0, last + 1).flatMap(({ place, heading, width }, i) => {
      const text = cut(row[place] ?? "", width);
      // Nothing is padded after the last text of a row.
      const space = i === last ? "" : " ".repeat(width - Bun.stringWidth(text) + gap);
      const shown = at === 0 ? paint(text, "bold", look) : paintCell(heading, text, look);
      return [shown, paint(space, undefined, look)];
    });
    return joinPainted(parts, "");
  });
  if (leftOut.length > 0) {
    lines.push(paint(`(no room for ${leftOut.join(", ")}; --json shows all)`, "dim", look));
  }
  return joinPainted(lines, "\n");
}

const STATES = new Set(["STATUS", "STATE", "VERDICT"]);

function paintCell(heading: string, text: string, look: Look): Painted {
  return STATES.has(heading) ? paintState(text, look) : paint(text, undefined, look);
}

interface Column {
  place: number;
  heading: string;
  width: number;
  /** The least width it needs. */
  least: number;
  /** It has no text below its heading. */
  isEmpty: boolean;
}

interface Layout {
  columns: Column[];
  gap: number;
  leftOut: string[];
}

function layout(all: Rows, look: Look, spare: readonly string[]): Layout {
  const measured = (all[0] ?? []).map((heading, place) => measure(all, place, heading));
  const most = look.columns;
  if (most === undefined || total(measured, GAP) <= most) return { columns: measured, gap: GAP, leftOut: [] };
  let columns = measured.filter(({ isEmpty }) => !isEmpty);
  const leftOut: string[] = [];
  for (const next of [...spare, undefined]) {
    for (const gap of [GAP, 1]) {
      const over = total(columns, gap) - most;
      if (shrink(columns, over)) return { columns, gap, leftOut };
    }
    if (columns.some(({ heading }) => heading === next)) leftOut.push(next ?? "");
    columns = columns.filter(({ heading }) => heading !== next);
  }
  return { columns: columns.map((column) => ({ ...column, width: column.least })), gap: 1, leftOut };
}

function measure(all: Rows, place: number, heading: string): Column {
  // Not Math.max over all cells: a call takes a limited number of arguments, and a list may be longer.
  let [widest, whole] = [0, 0];
  for (let at = 1; at < all.length; at++) {
    const cell = all[at]?.[place] ?? "";
    const width = Bun.stringWidth(cell);
    widest = Math.max(widest, width);
    if (width > whole && WHOLE.test(cell)) whole = width;
  }
  const width = Math.max(widest, Bun.stringWidth(heading));
  const isEmpty = widest === 0 && all.length > 1;
  // A heading over uncut cells is not cut either.
  const least = whole === widest ? width : Math.max(whole, Math.min(width, LEAST_WIDTH));
  return { place, heading, width, least, isEmpty };
}

function total(columns: readonly Column[], gap: number): number {
  return columns.reduce((sum, { width }) => sum + width, gap * Math.max(0, columns.length - 1));
}

/** Takes this many characters from the widest columns that may be cut. Returns false, and takes none, if there are fewer. */
function shrink(columns: readonly Column[], over: number): boolean {
  if (columns.reduce((sum, { width, least }) => sum + width - least, 0) < over) return false;
  for (let left = over; left > 0; ) {
    const [widest, ...others] = columns
      .filter(({ width, least }) => width > least)
      .toSorted((a, b) => b.width - a.width);
    if (!widest) return true;
    // Straight down to the next widest: a text may be very long.
    const next = Math.max(widest.least, others[0]?.width ?? 0);
    const less = Math.max(1, Math.min(left, widest.width - next));
    widest.width -= less;
    left -= less;
  }
  return true;
}

/** At most this many columns of a text; "…" replaces the rest. */
function cut(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  const kept = Bun.sliceAnsi(text, 0, width - 1);
  // The slice includes a wide character that crosses the edge; it does not fit.
  return `${Bun.stringWidth(kept) < width ? kept : Bun.sliceAnsi(text, 0, width - 2)}…`;
}
