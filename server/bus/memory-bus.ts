import type { Bus, BusMessages, BusTopic } from "./bus.ts";

/** The bus of a server that is alone: listeners are called at once, in the order they subscribed. */
export class MemoryBus implements Bus {
  private readonly listeners = new Map<BusTopic, Set<(message: never) => void>>();

  publish<Topic extends BusTopic>(topic: Topic, message: BusMessages[Topic]): void {
    for (const listener of this.listeners.get(topic) ?? []) {
      (listener as (message: BusMessages[Topic]) => void)(message);
    }
  }

  subscribe<Topic extends BusTopic>(
    topic: Topic,
    listener: (message: BusMessages[Topic]) => void,
  ): () => void {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  async close(): Promise<void> {
    this.listeners.clear();
  }
}
