import type { Bus, BusMessages, BusTopic } from "./bus.ts";
import { LogFollows } from "./log-follows.ts";

/**
 * The bus of a server that hears of no other: listeners are called at once, in the order they subscribed.
 * Where others share its store all the same, those who follow a log look into the store from time to time.
 */
export class MemoryBus implements Bus {
  private readonly listeners = new Map<BusTopic, Set<(message: never) => void>>();
  private readonly follows: LogFollows | undefined;

  constructor({ isAlone = true }: { isAlone?: boolean } = {}) {
    this.follows = isAlone ? undefined : new LogFollows();
  }

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

  followLogs(jobId: string, mayHaveMissed: () => void): () => void {
    return this.follows?.add(jobId, mayHaveMissed) ?? (() => undefined);
  }

  async close(): Promise<void> {
    this.listeners.clear();
    this.follows?.close();
  }
}
