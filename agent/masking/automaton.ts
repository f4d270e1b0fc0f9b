/** The key of an empty place in the table of transitions. */
const FREE = -1;
const ROOT = 0;
const MAX_LOAD = 0.5;
const MAX_TABLE_ENTRIES = 8 * 1024 * 1024;

export interface AutomatonOptions {
  /** Bytes that count as another byte: the byte, and the one of the patterns. */
  same?: readonly (readonly [number, number])[];
  /**
   * Up to this size, the next state for every state and byte is in a table. A larger automaton looks it up, which is
   * slower. Only tests change it.
   */
  maxTableEntries?: number | undefined;
}

/**
 * Finds any of many byte patterns in a stream, in constant time per byte on average (Aho and Corasick, 1975). A state
 * stands for the longest end of the stream so far that begins a pattern; state 0 for the end of no bytes.
 */
export class Automaton {
  /** For each state: how many of the last bytes it stands for. */
  private readonly depths: Int32Array;
  /** For each state: the length of the longest pattern that ends there; 0 if none does. */
  private readonly lengths: Int32Array;
  /** For each state: the state to go on from when no pattern continues with the next byte. */
  private readonly fallbacks: Int32Array;
  /** For each state: the state before it, and the byte in between. */
  private readonly parents: Int32Array;
  private readonly bytes: Uint8Array;
  /** Transitions, as a hash table with open addressing: `state * 256 + byte`, and the next state. */
  private readonly keys: Float64Array;
  private readonly targets: Int32Array;
  private readonly hashMask: number;
  private size = 1;
  /** Bytes that are in no pattern are all of class 0. */
  private readonly classes = new Uint8Array(256);
  private classCount = 1;
  /** For each byte: the byte it counts as. */
  private readonly meanings = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  /** The next state by `state * classCount + class`; empty if it would be too large. */
  private readonly table: Int32Array;

  /** @param patterns none of them empty. */
  constructor(patterns: readonly Uint8Array[], options: AutomatonOptions = {}) {
    const { same = [], maxTableEntries = MAX_TABLE_ENTRIES } = options;
    const most = patterns.reduce((sum, pattern) => sum + pattern.length, 1);
    const places = 2 ** Math.ceil(Math.log2(most / MAX_LOAD + 1));
    this.hashMask = places - 1;
    this.keys = new Float64Array(places).fill(FREE);
    this.targets = new Int32Array(places);
    this.depths = new Int32Array(most);
    this.lengths = new Int32Array(most);
    this.fallbacks = new Int32Array(most);
    this.parents = new Int32Array(most);
    this.bytes = new Uint8Array(most);
    for (const pattern of patterns) this.add(pattern);
    const order = this.byDepth();
    this.linkFallbacks(order);
    for (const [byte, meant] of same) {
      this.meanings[byte] = meant;
      this.classes[byte] = this.classes[meant] ?? 0;
    }
    this.table = this.makeTable(order, maxTableEntries);
  }

  /**
   * Goes on from a state with the first `count` bytes. Calls `onMatch` for each byte that ends a pattern, with its index
   * and the length of the longest such pattern. Returns the last state.
   */
  run(
    from: number,
    bytes: Uint8Array,
    count: number,
    onMatch: (index: number, length: number) => void,
  ): number {
    const { table, classes, classCount, lengths } = this;
    let state = from;
    if (table.length === 0) {
      for (let i = 0; i < count; i++) {
        state = this.step(state, this.meanings[bytes[i] ?? 0] ?? 0);
        const length = lengths[state] ?? 0;
        if (length > 0) onMatch(i, length);
      }
      return state;
    }
    for (let i = 0; i < count; i++) {
      state = table[state * classCount + (classes[bytes[i] ?? 0] ?? 0)] ?? ROOT;
      const length = lengths[state] ?? 0;
      if (length > 0) onMatch(i, length);
    }
    return state;
  }

  /** How many of the last bytes may be the beginning of a pattern. */
  depthOf(state: number): number {
    return this.depths[state] ?? 0;
  }

  private step(from: number, byte: number): number {
    for (let state = from; ; state = this.fallbacks[state] ?? ROOT) {
      const next = this.child(state, byte);
      if (next !== ROOT || state === ROOT) return next;
    }
  }

  private add(pattern: Uint8Array): void {
    let state = ROOT;
    for (const byte of pattern) {
      let next = this.child(state, byte);
      if (next === ROOT) {
        next = this.size++;
        this.depths[next] = (this.depths[state] ?? 0) + 1;
        this.parents[next] = state;
        this.bytes[next] = byte;
        if (this.classes[byte] === 0) this.classes[byte] = this.classCount++ & 0xff;
        this.insert(state, byte, next);
      }
      state = next;
    }
    this.lengths[state] = pattern.length;
  }

  /** All states but the root, the nearest to it first. */
  private byDepth(): Int32Array {
    const starts = new Int32Array(this.size + 1);
    for (let state = 1; state < this.size; state++) {
      const after = this.depthOf(state) + 1;
      starts[after] = (starts[after] ?? 0) + 1;
    }
    for (let depth = 1; depth < starts.length; depth++)
      starts[depth] = (starts[depth] ?? 0) + (starts[depth - 1] ?? 0);
    const order = new Int32Array(this.size - 1);
    for (let state = 1; state < this.size; state++) {
      const depth = this.depthOf(state);
      const place = starts[depth] ?? 0;
      starts[depth] = place + 1;
      order[place] = state;
    }
    return order;
  }

  private linkFallbacks(order: Int32Array): void {
    for (const state of order) {
      const parent = this.parents[state] ?? ROOT;
      const fallback =
        parent === ROOT ? ROOT : this.step(this.fallbacks[parent] ?? ROOT, this.bytes[state] ?? 0);
      this.fallbacks[state] = fallback;
      this.lengths[state] ||= this.lengths[fallback] ?? 0;
    }
  }

  private makeTable(order: Int32Array, maxEntries: number): Int32Array {
    const { classCount } = this;
    // With all 256 bytes in use there is no number left for another class.
    if (classCount > 256 || this.size * classCount > maxEntries) return new Int32Array(0);
    const table = new Int32Array(this.size * classCount);
    const children = childrenOf(this.parents, this.size);
    const linkChildren = (state: number) => {
      for (let child = children.first[state] ?? ROOT; child !== ROOT; child = children.next[child] ?? ROOT)
        table[state * classCount + (this.classes[this.bytes[child] ?? 0] ?? 0)] = child;
    };
    linkChildren(ROOT);
    for (const state of order) {
      // The row of the fallback is complete, because the fallback is nearer to the root.
      const fallback = (this.fallbacks[state] ?? ROOT) * classCount;
      table.copyWithin(state * classCount, fallback, fallback + classCount);
      linkChildren(state);
    }
    return table;
  }

  private child(state: number, byte: number): number {
    const place = this.placeOf(state * 256 + byte);
    return this.keys[place] === FREE ? ROOT : (this.targets[place] ?? ROOT);
  }

  private insert(state: number, byte: number, target: number): void {
    const key = state * 256 + byte;
    const place = this.placeOf(key);
    this.keys[place] = key;
    this.targets[place] = target;
  }

  /** Where the key is, or would be. */
  private placeOf(key: number): number {
    let place = (Math.imul(key ^ (key >>> 15), 0x2c1b3c6d) >>> 7) & this.hashMask;
    while (this.keys[place] !== FREE && this.keys[place] !== key) place = (place + 1) & this.hashMask;
    return place;
  }
}

/** For each state its first child, and for each child the next one; ROOT ends a list. */
function childrenOf(parents: Int32Array, size: number): { first: Int32Array; next: Int32Array } {
  const first = new Int32Array(size);
  const next = new Int32Array(size);
  for (let state = 1; state < size; state++) {
    const parent = parents[state] ?? ROOT;
    next[state] = first[parent] ?? ROOT;
    first[parent] = state;
  }
  return { first, next };
}
