/** Numbers from 0 to below 1, the same for the same seed in every run (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Choices that are the same for the same seed. */
export class Dice {
  private readonly random: () => number;

  constructor(seed: number) {
    this.random = seeded(seed);
  }

  /** A whole number of at least `from` and at most `to`. */
  number(from: number, to: number): number {
    return from + Math.floor(this.random() * (to - from + 1));
  }

  /** Whether something happens that happens in `share` of all cases. */
  chance(share: number): boolean {
    return this.random() < share;
  }

  pick<T>(choices: readonly [T, ...T[]]): T {
    return choices[this.number(0, choices.length - 1)] ?? choices[0];
  }
}
