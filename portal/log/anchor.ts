import type { Place } from "./line-store.ts";

/** One line, or the lines from one to another, of a log. */
export interface LineRange {
  from: Place;
  to: Place;
}

/** `#L12`, or `#L12-L40`; lines of later attempts are `#L2.12`. */
export function hashOf({ from, to }: LineRange): string {
  const isOne = from.attempt === to.attempt && from.seq === to.seq;
  return isOne ? `#${nameOf(from)}` : `#${nameOf(from)}-${nameOf(to)}`;
}

/** What `hashOf` made; undefined for any other fragment. */
export function rangeIn(hash: string): LineRange | undefined {
  const [, from, , to] = /^#(L(\d+\.)?\d+)(?:-(L(?:\d+\.)?\d+))?$/.exec(hash) ?? [];
  const first = from === undefined ? undefined : placeIn(from);
  if (!first) return undefined;
  const last = (to === undefined ? undefined : placeIn(to)) ?? first;
  const inOrder = first.attempt < last.attempt || (first.attempt === last.attempt && first.seq <= last.seq);
  return inOrder ? { from: first, to: last } : { from: last, to: first };
}

/** `12` or `2.12`, as a person writes it, with or without an L in front. */
export function placeIn(text: string): Place | undefined {
  const [, attempt, seq] = /^L?(?:(\d{1,5})\.)?(\d{1,10})$/i.exec(text.trim()) ?? [];
  if (seq === undefined) return undefined;
  return { attempt: Number(attempt ?? 1), seq: Number(seq) };
}

export function nameOf({ attempt, seq }: Place): string {
  return attempt === 1 ? `L${seq}` : `L${attempt}.${seq}`;
}
