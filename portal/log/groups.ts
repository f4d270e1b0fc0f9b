/** Lines that can be folded: those after the line `header`, up to but without the line `end`. */
export interface Group {
  header: number;
  /** Undefined until the group is over. */
  end: number | undefined;
  depth: number;
  folded: boolean;
}

/** How far back to look for the group around a line. */
const MAX_SIBLINGS = 1_000;

/** The groups of a log, and which rows are left when some are folded. A row is a line that is not folded away. */
export class Groups {
  /** In the order of their headers. */
  readonly all: Group[] = [];
  private readonly open: Group[] = [];
  private readonly headers = new Map<number, Group>();
  /** Lines that are folded away, without overlaps: the first line, and how many rows there are before it. */
  private hidden: { start: number; end: number; before: number }[] = [];
  private isStale = false;

  begin(header: number): void {
    const group = { header, end: undefined, depth: this.open.length, folded: false };
    this.open.push(group);
    this.all.push(group);
    this.headers.set(header, group);
  }

  /** Ends the innermost group. `end` is the line after its last. Returns false if no group is open. */
  finish(end: number): boolean {
    const group = this.open.pop();
    if (group) group.end = end;
    if (group?.folded) this.isStale = true;
    return group !== undefined;
  }

  finishAll(end: number): void {
    while (this.finish(end));
  }

  /** The group that this line begins. */
  headedBy(line: number): Group | undefined {
    return this.headers.get(line);
  }

  /** How many groups the line is in. */
  depthOf(line: number): number {
    const group = this.innermost(line);
    return group ? group.depth + 1 : 0;
  }

  fold(group: Group, folded: boolean): void {
    group.folded = folded;
    this.isStale = true;
  }

  foldAll(folded: boolean): void {
    for (const group of this.all) group.folded = folded;
    this.isStale = true;
  }

  /** Unfolds what hides this line. Returns whether anything changed. */
  reveal(line: number): boolean {
    let changed = false;
    for (let group = this.innermost(line); group; group = this.around(group)) {
      if (group.folded) {
        this.fold(group, false);
        changed = true;
      }
    }
    return changed;
  }

  /** The number of rows of the lines `first` to `end`. */
  rows(first: number, end: number): number {
    return this.rowOf(end, first);
  }

  /** The row of a line, counted from `first`; of a line that is folded away, the row after its group's header. */
  rowOf(line: number, first: number): number {
    return this.absoluteRow(line) - this.absoluteRow(first);
  }

  /** The line of a row. */
  lineOf(row: number, first: number): number {
    const hidden = this.current();
    if (hidden.length === 0) return first + row;
    const wanted = row + this.absoluteRow(first);
    let low = 0;
    let high = hidden.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const range = hidden[middle];
      if (range && range.start - range.before <= wanted) low = middle + 1;
      else high = middle;
    }
    const last = hidden[low - 1];
    return last ? wanted + last.before + (last.end - last.start) : wanted;
  }

  /** Moves everything after a line, because lines came in between; adds the groups that came with them. */
  insert(at: number, count: number, others: readonly Group[]): void {
    for (const group of this.all) {
      if (group.header >= at) group.header += count;
      if (group.end !== undefined && group.end > at) group.end += count;
    }
    for (const group of others) this.all.push(group);
    this.all.sort((a, b) => a.header - b.header);
    this.headers.clear();
    for (const group of this.all) this.headers.set(group.header, group);
    this.isStale = true;
  }

  private absoluteRow(line: number): number {
    const hidden = this.current();
    let low = 0;
    let high = hidden.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((hidden[middle]?.start ?? 0) < line) low = middle + 1;
      else high = middle;
    }
    const last = hidden[low - 1];
    return last ? line - last.before - (Math.min(last.end, line) - last.start) : line;
  }

  private current(): readonly { start: number; end: number; before: number }[] {
    if (!this.isStale) return this.hidden;
    this.isStale = false;
    this.hidden = [];
    let before = 0;
    for (const { header, end = Number.MAX_SAFE_INTEGER, folded } of this.all) {
      const last = this.hidden.at(-1);
      if (!folded || (last && header < last.end) || end === header + 1) continue;
      this.hidden.push({ start: header + 1, end, before });
      before += end - header - 1;
    }
    return this.hidden;
  }

  private innermost(line: number): Group | undefined {
    let low = 0;
    let high = this.all.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.all[middle]?.header ?? 0) < line) low = middle + 1;
      else high = middle;
    }
    for (let i = low - 1; i >= Math.max(0, low - MAX_SIBLINGS); i--) {
      const group = this.all[i];
      if (!group) break;
      if (group.end === undefined || group.end > line) return group;
      if (group.depth === 0) break;
    }
    return undefined;
  }

  private around(inner: Group): Group | undefined {
    for (let i = this.all.indexOf(inner) - 1; i >= 0; i--) {
      const group = this.all[i];
      if (group && group.depth < inner.depth) return group;
      if (group?.depth === 0) break;
    }
    return undefined;
  }
}
