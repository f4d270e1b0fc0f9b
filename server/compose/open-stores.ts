import { Seal } from "../auth/seal.ts";
import { sealOf } from "../auth/seal-keys.ts";
import { openSqliteStores } from "./open-sqlite.ts";
import type { ServerSettings } from "./options.ts";
import type { Stores } from "./stores.ts";

type StoreSettings = Pick<ServerSettings, "store" | "dataDir" | "secretKeyFile">;

/** The store that the settings select. Only this function maps a URL to a kind of store. */
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
 * The store that several servers share: a MongoDB replica set. The URL is a connection string that names the database,
 * the account and TLS. Rejects with ComputeError `storage_failed` if the database cannot be reached or is not a replica
 * set, and with BadStoreUrlError if the URL is not a connection string.
 */
export async function openMongoStores(url: string, seal = Seal.none): Promise<Stores> {
  // Loaded only here, because the embedded store needs no driver.
  const { openMongo } = await import("./open-mongo.ts");
  return openMongo(url, seal);
}
