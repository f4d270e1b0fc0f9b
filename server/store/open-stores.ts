import { openMongoStores, openSqliteStores, type Stores } from "./open.ts";

/** The store the settings ask for: the one place that knows by which URL which is meant. */
export async function openStores({ store, dataDir }: { store: string; dataDir: string }): Promise<Stores> {
  if (store === "sqlite") return openSqliteStores(dataDir);
  if (/^mongodb(\+srv)?:\/\//.test(store)) return openMongoStores(store);
  throw new Error("The store must be sqlite or a mongodb:// URL");
}
