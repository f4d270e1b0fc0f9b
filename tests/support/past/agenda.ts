/** What happens when, in epoch milliseconds: taken in the order of time, also what is added on the way. */
export class Agenda {
  private readonly entries: { atMs: number; happen: () => Promise<void> }[] = [];

  add(atMs: number, happen: () => Promise<void>): void {
    let [low, high] = [0, this.entries.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.entries[middle]?.atMs ?? 0) > atMs) low = middle + 1;
      else high = middle;
    }
    this.entries.splice(low, 0, { atMs: Math.round(atMs), happen });
  }

  /** The next one, if it is due by now. What is left then has not happened. */
  next(nowMs: number): { atMs: number; happen: () => Promise<void> } | undefined {
    const last = this.entries.at(-1);
    return last && last.atMs <= nowMs ? this.entries.pop() : undefined;
  }
}

/** Numbers from 0 to 1 that look random and are the same every time. */
export class Chance {
  constructor(private seed: number) {}

  next(): number {
    this.seed = (this.seed * 1_664_525 + 1_013_904_223) % 4_294_967_296;
    return this.seed / 4_294_967_296;
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.next();
  }

  happens(share: number): boolean {
    return this.next() < share;
  }
}
