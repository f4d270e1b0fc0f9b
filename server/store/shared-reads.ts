/**
 * Reads values by key. Calls for the same key in one turn of the event loop share one read, which begins after all of them:
 * each sees what was acknowledged before it.
 */
export class SharedReads<Value> {
  private readonly waiting = new Map<string, Promise<Value>>();

  constructor(private readonly read: (key: string) => Promise<Value>) {}

  get(key: string): Promise<Value> {
    let shared = this.waiting.get(key);
    if (!shared) {
      shared = new Promise((resolve) => {
        setImmediate(() => {
          this.waiting.delete(key);
          resolve(this.read(key));
        });
      });
      this.waiting.set(key, shared);
    }
    return shared;
  }
}
