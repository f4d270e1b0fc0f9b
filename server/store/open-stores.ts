import { openSqliteStores } from "./open-sqlite.ts";
import type { Stores } from "./stores.ts";

/** The store the settings ask for: the one place that knows by which URL which is meant. */
export async function openStores({ store, dataDir }: { store: string; dataDir: string }): Promise<Stores> {
  if (store === "sqlite") return openSqliteStores(dataDir);
  if (/^mongodb(\+srv)?:\/\//.test(store)) return openMongoStores(store);
  throw new Error("The store must be sqlite or a mongodb:// URL");
}

/**
 * The store that many servers share: a MongoDB replica set, named by a connection string that holds the database, the
 * account and TLS. Rejects with ComputeError `storage_failed` where it cannot be reached or is no replica set, and
 * with BadStoreUrlError where the URL is no connection string.
 */
export async function openMongoStores(url: string): Promise<Stores> {
  // Loaded only here: the embedded store needs no driver.
  const { openMongo } = await import("./open-mongo.ts");
  return openMongo(url);
}
