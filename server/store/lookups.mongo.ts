import type { Collection, Document, Filter } from "mongodb";
import { Batches } from "./batches.ts";
import type { MongoStore } from "./mongo.ts";

const KEYS_PER_READ = 500;
const READS_IN_FLIGHT = 4;

export interface LookupParts<T extends Document> {
  collection: Collection<T>;
  /** Selects the documents of these keys, at most one for each. */
  filterOf: (keys: readonly string[]) => Filter<T>;
  keyOf: (document: T) => string;
  projection?: Document;
}

/**
 * Finds documents by their keys. Lookups that are asked for at the same time are one query, which costs both sides far less
 * than a query each. Every answer is read after its question.
 */
export class Lookups<T extends Document> {
  private readonly batches: Batches<string, T | undefined>;

  constructor(store: MongoStore, { collection, filterOf, keyOf, projection }: LookupParts<T>) {
    this.batches = new Batches(
      (batch) =>
        store.attempt(async () => {
          const keys = [...new Set(batch.map(({ item }) => item))];
          const found = await collection.find<T>(filterOf(keys), { projection }).toArray();
          const byKey = new Map(found.map((document) => [keyOf(document), document]));
          for (const { item, resolve } of batch) resolve(byKey.get(item));
        }),
      { maxItems: KEYS_PER_READ, maxInFlight: READS_IN_FLIGHT },
    );
  }

  find(key: string): Promise<T | undefined> {
    return this.batches.add(key);
  }
}
