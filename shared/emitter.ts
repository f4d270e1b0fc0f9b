/** An event that any number of subscribers can listen to. The types are those of the arguments it is emitted with. */
export class Emitter<Args extends unknown[] = []> {
  private readonly subscribers = new Set<{ hear(...args: Args): void }>();

  /** Subscribers are called in the order in which they subscribed. Returns a function that unsubscribes. */
  subscribe(hear: (...args: Args) => void): () => void {
    // An object of its own, so that a function subscribed twice is called twice.
    const subscriber = { hear };
    this.subscribers.add(subscriber);
    return () => void this.subscribers.delete(subscriber);
  }

  /**
   * Calls every subscriber, even when one throws. Then throws what was thrown: the error itself when there is one, an
   * AggregateError when there are more.
   */
  emit(...args: Args): void {
    const errors: unknown[] = [];
    for (const subscriber of [...this.subscribers]) {
      try {
        subscriber.hear(...args);
      } catch (error) {
        errors.push(error);
      }
    }
    if (errors.length > 1)
      throw new AggregateError(errors, `${errors.length} subscribers of an event failed`);
    if (errors.length === 1) throw errors[0];
  }
}
