/** Bits for each key that is expected: about one unknown key in 700 is taken for a known one. */
const BITS_PER_KEY = 16;
const HASHES = 5;
const MIN_BITS = 2 ** 16;

/**
 * A set of keys in little memory. It has every key that was added, and a few others by accident: other ones in every
 * filter, because each has random seeds of its own.
 */
export class BloomFilter {
  private readonly words: Uint32Array;
  private readonly mask: number;
  private readonly seeds = crypto.getRandomValues(new Uint32Array(2));

  /** @param expected how many keys will be added. With more, or with too little memory, there are more accidents. */
  constructor(expected: number, maxBytes: number) {
    const wanted = Math.max(MIN_BITS, expected * BITS_PER_KEY);
    const bits = Math.min(2 ** Math.ceil(Math.log2(wanted)), 2 ** Math.floor(Math.log2(maxBytes * 8)));
    this.words = new Uint32Array(bits / 32);
    this.mask = bits - 1;
  }

  get bytes(): number {
    return this.words.byteLength;
  }

  add(key: string): void {
    const [first, step] = this.hashes(key);
    for (let i = 0; i < HASHES; i++) {
      const bit = (first + i * step) & this.mask;
      this.words[bit >>> 5] = (this.words[bit >>> 5] ?? 0) | (1 << (bit & 31));
    }
  }

  has(key: string): boolean {
    const [first, step] = this.hashes(key);
    for (let i = 0; i < HASHES; i++) {
      const bit = (first + i * step) & this.mask;
      if (((this.words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }

  private hashes(key: string): [first: number, step: number] {
    const [a = 0, b = 0] = this.seeds;
    return [Bun.hash.xxHash32(key, a), Bun.hash.xxHash32(key, b) | 1];
  }
}
