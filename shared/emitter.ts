/** An event with any number of subscribers. `Args` are the types of its arguments. */
export class Emitter<Args extends unknown[] = []> {
  private readonly subscribers = new Set<{ hear(...args: Args): void }>();

  /** Subscribers are called in the order they subscribed. Returns a function that unsubscribes. */
  subscribe(hear: (...args: Args) => void): () => void {
    // A separate object, so a function subscribed twice is called twice.
    const subscriber = { hear };
    this.subscribers.add(subscriber);
    return () => void this.subscribers.delete(subscriber);
  }

  /**
   * Calls every subscriber, even if one of them throws. Then throws its error, or an AggregateError if several threw.
   * Subscribing or unsubscribing during the call takes effect at the next `emit`.
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
