import { countOf, joinPacked, type PackedLines, splitAt } from "../../shared/packed-lines.ts";

export interface PeekLimits {
  maxLines: number;
  maxChars: number;
}

/** Lines that wait, in the order of their seq. They are taken in larger pieces than they came, and in smaller ones. */
export class PackedList {
  /** Roughly the memory they take. */
  bytes = 0;
  private parts: PackedLines[] = [];

  get isEmpty(): boolean {
    return this.parts.length === 0;
  }

  get all(): readonly PackedLines[] {
    return this.parts;
  }

  get first(): PackedLines | undefined {
    return this.parts[0];
  }

  get lastSeq(): number | undefined {
    return this.parts.at(-1)?.lastSeq;
  }

  push(part: PackedLines): void {
    this.parts.push(part);
    this.bytes += bytesOf(part);
  }

  unshift(part: PackedLines): void {
    this.parts.unshift(part);
    this.bytes += bytesOf(part);
  }

  /** The first lines after `afterSeq`, as many as follow one another within the limits, but at least one if there are any. */
  peek(afterSeq: number, { maxLines, maxChars }: PeekLimits): PackedLines | undefined {
    const from = this.cutAfter(afterSeq);
    const first = this.parts[from];
    if (!first) return undefined;
    const part = splitAt(first, { maxLines, maxChars });
    if (part.rest) {
      this.replace(from, [part.first, part.rest]);
      return part.first;
    }
    let to = from + 1;
    let [count, chars] = [countOf(first), first.lines.length];
    for (let next = this.parts[to]; next && count < maxLines; next = this.parts[++to]) {
      const isNext = this.parts[to - 1]?.lastSeq === next.firstSeq - 1;
      if (!isNext || chars + next.lines.length > maxChars) break;
      const { first: fitting, rest } = splitAt(next, { maxLines: maxLines - count });
      if (rest) this.replace(to, [fitting, rest]);
      count += countOf(fitting);
      chars += fitting.lines.length;
    }
    return to === from + 1 ? first : joinPacked(this.parts.slice(from, to))[0];
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
    const { first, rest } = splitAt(part, { maxLines: seq - part.firstSeq + 1 });
    if (rest) this.replace(low, [first, rest]);
    return low + 1;
  }

  private replace(place: number, parts: [PackedLines, PackedLines]): void {
    const [old] = this.parts.splice(place, 1, ...parts);
    if (old) this.bytes -= bytesOf(old);
    for (const part of parts) this.bytes += bytesOf(part);
  }
}

const PART_BYTES = 100;

function bytesOf({ lines }: PackedLines): number {
  return lines.length + PART_BYTES;
}
