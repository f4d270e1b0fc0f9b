/**
 * A map of bounded size that keeps the entries that were used last: at least half as many as it may have. Old entries are
 * dropped together, because a Map from which the first entry is removed again and again becomes slow.
 */
export class RecentMap<Value> {
  private recent = new Map<string, Value>();
  /** Entries that were not used since they were the recent ones. */
  private older = new Map<string, Value>();
  private readonly maxRecent: number;

  constructor(maxSize: number) {
    this.maxRecent = Math.max(1, Math.floor(maxSize / 2));
  }

  get(key: string): Value | undefined {
    const recent = this.recent.get(key);
    if (recent !== undefined) return recent;
    const value = this.older.get(key);
    if (value !== undefined) this.set(key, value);
    return value;
  }

  /** The value of the key, made and remembered if it has none. */
  getOrMake(key: string, make: () => Value): Value {
    let value = this.get(key);
    if (value === undefined) {
      value = make();
      this.set(key, value);
    }
    return value;
  }

  delete(key: string): void {
    this.recent.delete(key);
    this.older.delete(key);
  }

  set(key: string, value: Value): void {
    this.recent.set(key, value);
    if (this.recent.size < this.maxRecent) return;
    this.older = this.recent;
    this.recent = new Map();
  }
}
