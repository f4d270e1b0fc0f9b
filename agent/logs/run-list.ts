import { joinRuns, type LineRuns, type RunLimits, splitRuns } from "../../shared/line-runs.ts";

/** Lines that wait, in the order of their seq. They are taken in larger pieces than they came, and in smaller ones. */
export class RunList {
  /** Roughly the memory they take. */
  bytes = 0;
  private parts: LineRuns[] = [];

  get isEmpty(): boolean {
    return this.parts.length === 0;
  }

  get all(): readonly LineRuns[] {
    return this.parts;
  }

  get first(): LineRuns | undefined {
    return this.parts[0];
  }

  get lastSeq(): number | undefined {
    return this.parts.at(-1)?.lastSeq;
  }

  push(part: LineRuns): void {
    this.parts.push(part);
    this.bytes += bytesOf(part);
  }

  unshift(part: LineRuns): void {
    this.parts.unshift(part);
    this.bytes += bytesOf(part);
  }

  /** The first lines after `afterSeq`, as many as follow one another within the limits, but at least one if there are any. */
  peek(afterSeq: number, { maxLines, maxChars }: Required<RunLimits>): LineRuns | undefined {
    const from = this.cutAfter(afterSeq);
    const first = this.cutAt(from, { maxLines, maxChars });
    if (!first) return undefined;
    let to = from + 1;
    let linesLeft = maxLines - lengthOf(first);
    let charsLeft = maxChars - first.chars;
    for (let next = this.parts[to]; next && linesLeft > 0; next = this.parts[++to]) {
      const isNext = this.parts[to - 1]?.lastSeq === next.firstSeq - 1;
      if (!isNext || next.chars > charsLeft) break;
      const fitting = this.cutAt(to, { maxLines: linesLeft }) ?? next;
      linesLeft -= lengthOf(fitting);
      charsLeft -= fitting.chars;
    }
    return to === from + 1 ? first : joinRuns(this.parts.slice(from, to));
  }

  /** Removes all lines up to this seq. */
  removeUpTo(seq: number): void {
    const removed = this.parts.splice(0, this.cutAfter(seq));
    for (const part of removed) this.bytes -= bytesOf(part);
  }

  clear(): void {
    this.parts = [];
    this.bytes = 0;
  }

  /** The place of the first part with lines after `seq`, once it has no others. */
  private cutAfter(seq: number): number {
    let low = 0;
    let high = this.parts.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.parts[middle]?.lastSeq ?? 0) > seq) high = middle;
      else low = middle + 1;
    }
    const part = this.parts[low];
    if (!part || part.firstSeq > seq) return low;
    this.cutAt(low, { maxLines: seq - part.firstSeq + 1 });
    return low + 1;
  }

  /** Cuts the part at this place if it is larger than the limits; returns what is there then. */
  private cutAt(place: number, limits: RunLimits): LineRuns | undefined {
    const part = this.parts[place];
    const { first, rest } = part ? splitRuns(part, limits) : {};
    if (!part || !first || !rest) return part;
    this.parts.splice(place, 1, first, rest);
    this.bytes += bytesOf(first) + bytesOf(rest) - bytesOf(part);
    return first;
  }
}

const PART_BYTES = 100;

function bytesOf({ chars }: LineRuns): number {
  return chars + PART_BYTES;
}

function lengthOf({ firstSeq, lastSeq }: LineRuns): number {
  return lastSeq - firstSeq + 1;
}
