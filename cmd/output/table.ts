import { safeLine } from "../../shared/terminal-text.ts";
import { type Look, PLAIN } from "./look.ts";
import { joinPainted, type Painted, paint, paintState } from "./paint.ts";

const GAP = 2;
/** A column of words is left at least so wide. */
const LEAST_WIDTH = 8;
/** Ids, numbers, times and states: of use only when they are whole. */
const WHOLE =
  /^([a-z]+_[0-9a-hjkmnp-tv-z]{26}|[+-]?[$\d.,:/%-]+ ?[A-Za-z]{0,3}( ago)?|[\d-]{10}T[\d:.]+Z|exit \d+|[A-Z_]{1,12})$/;

type Rows = readonly (readonly string[])[];

/**
 * Columns wide enough for what is in them, with a heading; nothing but the heading where there are no rows. On a terminal
 * states have colours, and a row has one line: columns without anything in them go, and the widest texts are cut. Ids,
 * numbers, times and states are never cut; where they leave no room, the `spare` columns go from the first on, and a last
 * line says so.
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
      // What is behind the last text of a row is not filled up.
      const space = i === last ? "" : " ".repeat(width - Bun.stringWidth(text) + gap);
      const shown = at === 0 ? paint(text, "bold", look) : paintCell(heading, text, look);
      return [shown, paint(space, undefined, look)];
    });
    return joinPainted(parts, "");
  });
  if (leftOut.length > 0) {
    lines.push(paint(`(no room for ${leftOut.join(", ")}; --json has all)`, "dim", look));
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
  /** What it needs at the least. */
  least: number;
  /** Nothing stands below its heading. */
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
  // Not Math.max over all of them: a call takes only so many arguments, and a list may be longer.
  let [widest, whole] = [0, 0];
  for (let at = 1; at < all.length; at++) {
    const cell = all[at]?.[place] ?? "";
    const width = Bun.stringWidth(cell);
    widest = Math.max(widest, width);
    if (width > whole && WHOLE.test(cell)) whole = width;
  }
  const width = Math.max(widest, Bun.stringWidth(heading));
  const isEmpty = widest === 0 && all.length > 1;
  // A heading over whole things is whole as well.
  const least = whole === widest ? width : Math.max(whole, Math.min(width, LEAST_WIDTH));
  return { place, heading, width, least, isEmpty };
}

function total(columns: readonly Column[], gap: number): number {
  return columns.reduce((sum, { width }) => sum + width, gap * Math.max(0, columns.length - 1));
}

/** Takes so many columns from the widest texts that may be cut; false, and nothing is taken, where they have not so many. */
function shrink(columns: readonly Column[], over: number): boolean {
  if (columns.reduce((sum, { width, least }) => sum + width - least, 0) < over) return false;
  for (let left = over; left > 0; ) {
    const [widest, ...others] = columns
      .filter(({ width, least }) => width > least)
      .toSorted((a, b) => b.width - a.width);
    if (!widest) return true;
    // Down to the next widest at once: a text may be very long.
    const next = Math.max(widest.least, others[0]?.width ?? 0);
    const less = Math.max(1, Math.min(left, widest.width - next));
    widest.width -= less;
    left -= less;
  }
  return true;
}

/** At most so many columns of a text; "…" stands for the rest. */
function cut(text: string, width: number): string {
  if (Bun.stringWidth(text) <= width) return text;
  const kept = Bun.sliceAnsi(text, 0, width - 1);
  // A wide character that would stand on the edge is counted in; it does not fit.
  return `${Bun.stringWidth(kept) < width ? kept : Bun.sliceAnsi(text, 0, width - 2)}…`;
}
