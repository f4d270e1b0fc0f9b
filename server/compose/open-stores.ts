import { Seal } from "../auth/seal.ts";
import { sealOf } from "../auth/seal-keys.ts";
import { openSqliteStores } from "./open-sqlite.ts";
import type { ServerSettings } from "./options.ts";
import type { Stores } from "./stores.ts";

type StoreSettings = Pick<ServerSettings, "store" | "dataDir" | "secretKeyFile">;

/** The store the settings ask for: the one place that knows by which URL which is meant. */
export async function openStores(
  settings: StoreSettings,
  warn: (message: string) => void = () => undefined,
): Promise<Stores> {
  const { store, dataDir } = settings;
  if (store === "sqlite") return openSqliteStores(dataDir, sealOf(settings, warn));
  if (/^mongodb(\+srv)?:\/\//.test(store)) return openMongoStores(store, sealOf(settings, warn));
  throw new Error("The store must be sqlite or a mongodb:// URL");
}

/**
 * The store that many servers share: a MongoDB replica set, named by a connection string that holds the database, the
 * account and TLS. Rejects with ComputeError `storage_failed` where it cannot be reached or is no replica set, and
 * with BadStoreUrlError where the URL is no connection string.
 */
export async function openMongoStores(url: string, seal = Seal.none): Promise<Stores> {
  // Loaded only here: the embedded store needs no driver.
  const { openMongo } = await import("./open-mongo.ts");
  return openMongo(url, seal);
}
