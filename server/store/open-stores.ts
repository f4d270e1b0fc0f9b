import { openSqliteStores, type Stores } from "./open.ts";

/** The store the settings ask for: the one place that knows by which URL which is meant. */
export async function openStores({ store, dataDir }: { store: string; dataDir: string }): Promise<Stores> {
  if (store === "sqlite") return openSqliteStores(dataDir);
  throw new Error("Only the embedded store, --store sqlite, is part of this version");
}
